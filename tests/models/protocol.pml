/*
 * The protocol between a master, its workers and the kernel, for spin (https://spinroot.com).
 *
 * The loom models beside this file check the code. This model checks the idea, in a world that loom cannot play:
 * processes that crash wherever they are, signals that merge, a pipe on which workers report, forks that fail, and time
 * that may be over at any moment. It follows `solutions/prefork/src/supervisor.rs`, whose names it uses, and the loop of
 * `stages/6-prefork/src/master.rs`.
 *
 * `tests/models/spin` explores it: that no assert fails, that nobody waits for ever, and the two properties at the end.
 * Then it breaks the protocol in several ways, and demands that each is found.
 *
 * Covering is in it as one bit for each slot: whether the others have been told to accept there.
 *
 * What it leaves out: how long a pause is (only that there may be one), when a slot is given up, workers that have too much
 * to do, and clients.
 */

#define SLOTS   2
#define SEATS   (2 * SLOTS)            /* seat s belongs to slot s / 2, and its neighbour is s ^ 1 */
#define NEIGHBOUR(s) ((s) ^ 1)
#ifndef MISFORTUNES
#define MISFORTUNES 2                  /* how often in one run a worker crashes, hangs or is late, or a fork fails */
#endif
#ifndef RELOADS
#define RELOADS 1
#endif
#define NOBODY  255
#define SERVED(slot) (post[slot] != NOBODY && seat[post[slot]] == SERVING)
/* Somebody in this seat has a deadline, and may miss it: for ever, or by a moment. */
#define IS_LATE(s) ((seat[s] == STARTING || seat[s] == DRAINING) && (stuck[s] || misfortunes > 0))
/* A worker serves and does not move. The watchdog sees it. (That it is aborted before it is killed makes no difference.) */
#define HANGS(s) (seat[s] == SERVING && stuck[s])
/* Nobody accepts in this slot, although somebody accepts in the other. */
#define FORSAKEN(slot) (!ACCEPTS(2 * slot) && !ACCEPTS(2 * slot + 1) && !covered[slot])
#define ACCEPTS(s) (alive[s] && seat[s] == SERVING && !stuck[s] && !sigkill[s])

/* What the kernel knows. A process is named by its seat. */
bool alive[SEATS], zombie[SEATS];
bool sigterm[SEATS], sigkill[SEATS];
bool stuck[SEATS];                     /* only SIGKILL ends it */

/* The master's mailbox and its bell; the pipe on which workers report that they serve. */
bool note_stop, note_reload, note_child, bell;
chan ready = [SEATS] of { byte };

/* What the master believes. */
mtype:seat = { FREE, STARTING, SERVING, DRAINING, KILLED };
mtype:seat seat[SEATS] = FREE;
mtype:phase = { RUNNING, STOPPING, FINISHED };
mtype:phase phase = RUNNING;
byte post[SLOTS] = NOBODY;             /* the seat that holds it */
bool vacant[SLOTS];                    /* somebody is to be forked once a pause is over */
bool covered[SLOTS];                   /* the others accept here too */
bool old[SEATS];                       /* forked before the last reload */
bool rolling;
byte successor = NOBODY;
byte successors_behind;                /* reloads since the successor was forked */

/* How much may go wrong. */
byte misfortunes = MISFORTUNES;

/* For the properties. */
bool asked_to_stop, sockets_open = true;

/* ------------------------------------------------------------------ a worker */

/* One for each seat, living again and again, so that spin has a fixed number of processes to remember. */
proctype Worker(byte me) {
end_unborn:
    alive[me];
    /* Getting ready, unless it crashes, is told to leave, or takes for ever. */
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
    :: atomic { misfortunes > 0 -> misfortunes--; stuck[me] = true }; sigkill[me]  /* stands still while it serves */
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
        sigterm[s] = alive[s]                    /* who is dead already is only not reaped yet */
    :: else
    fi
}

inline murder(s) {
    if
    :: seat[s] != FREE && seat[s] != KILLED -> seat[s] = KILLED; sigkill[s] = alive[s]
    :: else
    fi
}

/* Forks into a seat. The supervisor says Spawn, and the master's answer comes before it hears of anything else. */
inline spawn(s, is_successor) {
    assert(phase == RUNNING);                    /* nothing is spawned after a stop */
    assert(sockets_open);                        /* a worker inherits its socket */
    assert(seat[s] == FREE && !alive[s] && !zombie[s]);   /* nobody sits on another's statistics */
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

/* A worker that holds the post is dead, or its successor is. */
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
    assert(seat[s] != FREE);                     /* a report is read before its writer's death is */
    if
    :: seat[s] == STARTING ->
        seat[s] = SERVING;
        if
        :: successor == s ->
            post[s / 2] = s;
            /* Only now: until here, whoever served the slot served on. */
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
    :: phase == STOPPING ->                      /* said again: no more patience */
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

/* Time: a pause is over; somebody takes too long to get ready or to leave. */
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
        /* Before it sleeps, the others know where nobody serves: however long the pause will be. */
        assert(phase != RUNNING || ((SERVED(0) || covered[0]) && (SERVED(1) || covered[1])));
        /* Sleeps until the bell rings, a worker reports, or it is time for something. */
end_asleep:
        if
        :: bell
        :: nempty(ready)
        :: atomic { vacant[0] || vacant[1] -> time_passes() }
        :: atomic { (HANGS(0) || HANGS(1) || HANGS(2) || HANGS(3)) -> time_passes() }
        :: atomic { (IS_LATE(0) || IS_LATE(1) || IS_LATE(2) || IS_LATE(3)) -> time_passes() }
        fi;
        /* Whatever a turn does takes effect outside one thing after the other, and everybody outside takes his time to
           notice. So nothing is lost by making a turn one step. (That the bell is cleared before the mailbox is emptied
           is for loom.) */
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
            /* Whoever hears the bell looks: a slot is covered from now on, or let go. */
            for (n : 0 .. SLOTS - 1) { covered[n] = !SERVED(n) }
            /* Who was asked to leave answers for nothing: a roll asks only when somebody else serves. */
            for (n : 0 .. SLOTS - 1) {
                assert(phase != RUNNING || post[n] == NOBODY || seat[post[n]] != DRAINING)
            }
            m = 0; n = 0; stopping = false; reloading = false; reaping = false
        }
    od;
    assert(!alive[0] && !alive[1] && !alive[2] && !alive[3]);       /* nobody is left behind */
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
    :: atomic { true -> note_stop = true; bell = true }            /* and once more: at once! */
    :: true
    fi;
end_content:
    skip
}

init {
    atomic { run Worker(0); run Worker(1); run Worker(2); run Worker(3); run Master(); run Operator() }
}

/* ------------------------------------------------------------------ properties over time */

/* Whoever is asked to stop, stops. */
ltl stops { [] (asked_to_stop -> <> (phase == FINISHED)) }

/* No slot stays without anybody who accepts there, whoever dies, hangs, or does not get ready. */
ltl covers { [] ((!asked_to_stop && FORSAKEN(0)) -> <> (asked_to_stop || !FORSAKEN(0))) }

/* No slot stays without a worker that serves, unless the herd is stopped. */
ltl heals { [] <> (asked_to_stop || (SERVED(0) && SERVED(1))) }
