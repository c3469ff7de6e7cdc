/*
 * The protocol between a master, its workers and the kernel, for spin (https://spinroot.com).
 *
 * The loom models next to this file check the code. This model checks the design, in a world that loom cannot model:
 * processes that crash at any point, signals that merge, a pipe on which workers report, forks that fail, and deadlines
 * that may pass at any moment. It follows `solutions/prefork/src/supervisor.rs`, whose names it uses, and the loop of
 * `stages/6-prefork/src/master.rs`.
 *
 * `tests/models/spin` checks that no assert fails, that no process waits forever, and the three properties at the end.
 * Then it breaks the protocol in several ways, and checks that spin finds each.
 *
 * Cover is modelled as one bit for each slot: whether the other workers were told to accept there.
 *
 * It leaves out the length of pauses (there just may be one), slots that are given up, overloaded workers,
 * and clients.
 */

#define SLOTS   2
#define SEATS   (2 * SLOTS)            /* seat s belongs to slot s / 2, and its neighbour is s ^ 1 */
#define NEIGHBOUR(s) ((s) ^ 1)
#ifndef MISFORTUNES
#define MISFORTUNES 2                  /* how often a worker crashes, hangs or is late, or a fork fails, in one run */
#endif
#ifndef RELOADS
#define RELOADS 1
#endif
#define NOBODY  255
#define SERVED(slot) (post[slot] != NOBODY && seat[post[slot]] == SERVING)
/* The process in this seat has a deadline, and may miss it: because it is stuck, or just late. */
#define IS_LATE(s) ((seat[s] == STARTING || seat[s] == DRAINING) && (stuck[s] || misfortunes > 0))
/* A worker serves and makes no progress, which the watchdog sees. (That it is aborted first does not matter here.) */
#define HANGS(s) (seat[s] == SERVING && stuck[s])
/* No worker accepts in this slot, and no other worker covers it. */
#define FORSAKEN(slot) (!ACCEPTS(2 * slot) && !ACCEPTS(2 * slot + 1) && !covered[slot])
#define ACCEPTS(s) (alive[s] && seat[s] == SERVING && !stuck[s] && !sigkill[s])

/* The state of the kernel. A process is identified by its seat. */
bool alive[SEATS], zombie[SEATS];
bool sigterm[SEATS], sigkill[SEATS];
bool stuck[SEATS];                     /* only SIGKILL ends it */

/* The master's mailbox and its bell; the pipe on which workers report that they serve. */
bool note_stop, note_reload, note_child, bell;
chan ready = [SEATS] of { byte };

/* The state of the master. */
mtype:seat = { FREE, STARTING, SERVING, DRAINING, KILLED };
mtype:seat seat[SEATS] = FREE;
mtype:phase = { RUNNING, STOPPING, FINISHED };
mtype:phase phase = RUNNING;
byte post[SLOTS] = NOBODY;             /* the seat that holds it */
bool vacant[SLOTS];                    /* a worker will be forked once a pause is over */
bool covered[SLOTS];                   /* other workers accept here too */
bool old[SEATS];                       /* forked before the last reload */
bool rolling;
byte successor = NOBODY;
byte successors_behind;                /* reloads since the successor was forked */

/* How much may go wrong. */
byte misfortunes = MISFORTUNES;

/* For the properties. */
bool asked_to_stop, sockets_open = true;

/* ------------------------------------------------------------------ a worker */

/* One for each seat, which lives again and again, so that spin has a fixed number of processes. */
proctype Worker(byte me) {
end_unborn:
    alive[me];
    /* Gets ready, unless it crashes, is told to leave, or gets stuck. */
    if
    :: ready ! me
    :: atomic { misfortunes > 0 -> misfortunes--; goto dead }
    :: sigterm[me] -> goto dead
    :: sigkill[me] -> goto dead
    :: atomic { misfortunes > 0 -> misfortunes--; stuck[me] = true }; sigkill[me]; goto dead
    fi;
end_serving:
    if
    :: sigkill[me]
    :: sigterm[me] ->
        if
        :: true                                                  /* drains, and leaves */
        :: atomic { misfortunes > 0 -> misfortunes--; stuck[me] = true }; sigkill[me]  /* has a client that never ends */
        fi
    :: atomic { misfortunes > 0 -> misfortunes-- }
    :: atomic { misfortunes > 0 -> misfortunes--; stuck[me] = true }; sigkill[me]  /* hangs while it serves */
    fi;
dead:
    atomic {
        alive[me] = false; stuck[me] = false; sigterm[me] = false; sigkill[me] = false;
        zombie[me] = true; note_child = true; bell = true
    };
    goto end_unborn
}

/* ------------------------------------------------------------------ the master */

inline terminate(s) {
    if
    :: seat[s] == STARTING || seat[s] == SERVING || seat[s] == DRAINING ->
        seat[s] = DRAINING;
        sigterm[s] = alive[s]                    /* no signal if it is dead and not yet reaped */
    :: else
    fi
}

inline murder(s) {
    if
    :: seat[s] != FREE && seat[s] != KILLED -> seat[s] = KILLED; sigkill[s] = alive[s]
    :: else
    fi
}

/* Forks into a seat. The supervisor returns Spawn, and the master's answer is its next event. */
inline spawn(s, is_successor) {
    assert(phase == RUNNING);                    /* nothing is spawned after a stop */
    assert(sockets_open);                        /* a worker inherits its socket */
    assert(seat[s] == FREE && !alive[s] && !zombie[s]);   /* no two processes share a seat's statistics */
    if
    :: misfortunes > 0 ->
        misfortunes--;
        if
        :: is_successor -> successor = NOBODY; rolling = (successors_behind > 0)
        :: else -> post[s / 2] = NOBODY; vacant[s / 2] = true
        fi
    :: true ->
        seat[s] = STARTING;
        old[s] = false;
        alive[s] = true
    fi
}

/* A worker is dead: it may hold the post, be the successor, or neither. */
inline exited(s) {
    assert(!alive[s]);
    zombie[s] = false;
    seat[s] = FREE;                              /* and its gauges are settled */
    old[s] = false;
    if
    :: post[s / 2] == s ->
        if
        :: successor == NEIGHBOUR(s) -> post[s / 2] = NEIGHBOUR(s)
        :: else -> post[s / 2] = NOBODY; vacant[s / 2] = true
        fi
    :: else
    fi;
    if
    :: successor == s -> successor = NOBODY; rolling = (successors_behind > 0)
    :: else
    fi
}

inline became_ready(s) {
    assert(seat[s] != FREE);                     /* a report is read before its writer is reaped */
    if
    :: seat[s] == STARTING ->
        seat[s] = SERVING;
        if
        :: successor == s ->
            post[s / 2] = s;
            /* Only now, so that the predecessor has served until here. */
            terminate(NEIGHBOUR(s));
            successor = NOBODY
        :: else
        fi
    :: else                                      /* it was asked to leave, or killed */
    fi
}

inline stop() {
    if
    :: phase == RUNNING ->
        phase = STOPPING; rolling = false; successor = NOBODY;
        for (n : 0 .. SLOTS - 1) { post[n] = NOBODY; vacant[n] = false }
        for (n : 0 .. SEATS - 1) { terminate(n) }
    :: phase == STOPPING ->                      /* the second stop kills */
        for (n : 0 .. SEATS - 1) { murder(n) }
    fi;
    sockets_open = false
}

inline reload() {
    if
    :: phase == RUNNING ->
        for (n : 0 .. SEATS - 1) { old[n] = (seat[n] != FREE) }
        rolling = true;
        successors_behind = (successor == NOBODY -> 0 : successors_behind + 1)
    :: else
    fi
}

/* The first slot with an old worker gets a successor, once it has a free seat; one slot at a time. */
inline roll_on() {
    if
    :: rolling && successor == NOBODY && phase == RUNNING ->
        n = 0;
        do
        :: n == SLOTS -> rolling = false; break
        :: n < SLOTS && post[n] != NOBODY && seat[post[n]] != KILLED && seat[post[n]] != DRAINING && old[post[n]] ->
            if
            :: seat[NEIGHBOUR(post[n])] == FREE ->
                successor = NEIGHBOUR(post[n]);
                successors_behind = 0;
                spawn(NEIGHBOUR(post[n]), true)
            :: else                              /* its last predecessor still drains */
            fi;
            break
        :: else -> n++
        od
    :: else
    fi
}

/* Time passes: a pause is over, or a worker takes too long to get ready or to leave. */
inline time_passes() {
    for (n : 0 .. SLOTS - 1) {
        if
        :: vacant[n] ->
            vacant[n] = false;
            m = (seat[2 * n] == FREE -> 2 * n : 2 * n + 1);
            post[n] = m;
            spawn(m, false)
        :: else
        fi
    }
    for (n : 0 .. SEATS - 1) {
        if
        :: HANGS(n) -> murder(n)
        :: IS_LATE(n) ->
            misfortunes = (stuck[n] -> misfortunes : misfortunes - 1);
            murder(n)
        :: else
        fi
    }
}

proctype Master() {
    byte n, m;
    bool stopping, reloading, reaping;

    atomic {
        for (n : 0 .. SLOTS - 1) { post[n] = 2 * n; spawn(2 * n, false); covered[n] = true }
    }
    do
    :: phase == FINISHED -> break
    :: else ->
        /* Before the master sleeps, every slot without a serving worker is covered, however long the pause will be. */
        assert(phase != RUNNING || ((SERVED(0) || covered[0]) && (SERVED(1) || covered[1])));
        /* Sleeps until the bell rings, a worker reports, or a deadline has passed. */
end_asleep:
        if
        :: bell
        :: nempty(ready)
        :: atomic { vacant[0] || vacant[1] -> time_passes() }
        :: atomic { (HANGS(0) || HANGS(1) || HANGS(2) || HANGS(3)) -> time_passes() }
        :: atomic { (IS_LATE(0) || IS_LATE(1) || IS_LATE(2) || IS_LATE(3)) -> time_passes() }
        fi;
        /* The effects of a turn reach other processes one after the other, and each process may take any time to
           notice. So a turn can be one step without losing behaviours. (Loom checks that the bell is cleared before the
           mailbox is emptied.) */
        atomic {
            bell = false;
            stopping = note_stop; reloading = note_reload; reaping = note_child;
            note_stop = false; note_reload = false; note_child = false;
            /* Reports that arrived before this turn come first. */
            do
            :: nempty(ready) -> ready ? m; became_ready(m)
            :: empty(ready) -> break
            od;
            if
            :: stopping -> stop()
            :: else
            fi;
            if
            :: reloading -> reload()
            :: else
            fi;
            if
            :: reaping ->
                /* One notice may stand for many deaths. */
                for (m : 0 .. SEATS - 1) {
                    if
                    :: zombie[m] -> exited(m)
                    :: else
                    fi
                }
            :: else
            fi;
            roll_on();
            if
            :: phase == STOPPING && seat[0] == FREE && seat[1] == FREE && seat[2] == FREE && seat[3] == FREE ->
                phase = FINISHED
            :: else
            fi;
            /* The bell makes the workers look: a slot is covered from now on, or no longer. */
            for (n : 0 .. SLOTS - 1) { covered[n] = !SERVED(n) }
            /* A worker that was asked to leave holds no post: a roll asks it only when its successor serves. */
            for (n : 0 .. SLOTS - 1) {
                assert(phase != RUNNING || post[n] == NOBODY || seat[post[n]] != DRAINING)
            }
            m = 0; n = 0; stopping = false; reloading = false; reaping = false
        }
    od;
    assert(!alive[0] && !alive[1] && !alive[2] && !alive[3]);       /* no worker is left behind */
    assert(!zombie[0] && !zombie[1] && !zombie[2] && !zombie[3])
}

/* ------------------------------------------------------------------ the operator */

proctype Operator() {
    byte reloads = RELOADS;
    do
    :: atomic { reloads > 0 -> reloads--; note_reload = true; bell = true }
    :: break
    od;
    if
    :: atomic { true -> asked_to_stop = true; note_stop = true; bell = true }
    :: goto end_content                          /* never stops it */
    fi;
    if
    :: atomic { true -> note_stop = true; bell = true }            /* the second stop */
    :: true
    fi;
end_content:
    skip
}

init {
    atomic { run Worker(0); run Worker(1); run Worker(2); run Worker(3); run Master(); run Operator() }
}

/* ------------------------------------------------------------------ properties over time */

/* A herd that is asked to stop stops. */
ltl stops { [] (asked_to_stop -> <> (phase == FINISHED)) }

/* No slot stays without a worker that accepts there, whichever workers die, hang, or do not get ready. */
ltl covers { [] ((!asked_to_stop && FORSAKEN(0)) -> <> (asked_to_stop || !FORSAKEN(0))) }

/* No slot stays without a worker that serves, unless the herd is stopped. */
ltl heals { [] <> (asked_to_stop || (SERVED(0) && SERVED(1))) }
