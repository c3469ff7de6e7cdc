// The bounded queue with three semaphores, small enough that every schedule of its threads can be tried.
//
// A step is what no other thread gets in between: a whole `acquire`, `release`, `push` or `pop`. In the real code an
// acquire locks the number of permits, counts and unlocks. Nobody sees it halfway, so here it is one step. Who finds no
// permit sleeps, and whoever is woken takes a step of its own to look again: another thread may be faster.
(function () {
    "use strict";

    const SEMAPHORES = ["empty_slots", "mutex", "filled_slots"];
    const ENQUEUE = "empty_slots.acquire() mutex.acquire() ring.push(item) mutex.release() filled_slots.release()";
    const DEQUEUE = "filled_slots.acquire() mutex.acquire() ring.pop() mutex.release() empty_slots.release()";

    /**
     * The correct queue, and mistakes with the names that they have in tests/submissions/queue.toml. `thought` is what
     * its author thinks; the rest is what is different.
     */
    const VARIANTS = {
        correct: { thought: "The slot before the mutex, the push before the news." },
        "the mutex before the slot": {
            thought: "Lock first, then nothing can change between waiting for the slot and pushing.",
            enqueue: "mutex.acquire() empty_slots.acquire() ring.push(item) mutex.release() filled_slots.release()",
        },
        "announced before it is there": {
            thought: "The order of push and release does not matter, both happen anyway.",
            enqueue: "empty_slots.acquire() filled_slots.release() mutex.acquire() ring.push(item) mutex.release()",
        },
        "one slot more than there are": {
            thought: "A full queue is one whose next push would not fit, so there is one more to count.",
            moreSlots: 1,
        },
        "if for while": { thought: "Whoever was woken was woken because there is a permit.", looksOnce: true },
        "looking and sleeping in two steps": {
            thought: "First check whether there is a permit, then lock and wait.",
            sleepsLater: true,
        },
        "a buffer that does not go round": {
            thought: "The next item goes behind the last one.",
            staysAtTheEnd: true,
        },
    };

    /** What can go wrong, by the kind of a failure. */
    const KINDS = {
        deadlock: "a deadlock",
        "permit twice": "a permit given out twice",
        "no empty slot": "a push without an empty slot",
        overwritten: "an overwritten item",
        "no item": "a permit for an item that is not there",
        "wrong item": "an item lost, doubled or out of order",
    };

    /**
     * What stays the same while the threads run. Each producer enqueues `items` items, and the consumers share them.
     * @param {string} variant one of the names in VARIANTS
     * @param {{capacity?: number, producers?: number, consumers?: number, items?: number}} options
     */
    function setup(variant, { capacity = 1, producers = 2, consumers = 2, items = capacity } = {}) {
        const mistake = VARIANTS[variant];
        if (!mistake) throw new Error(`there is no variant "${variant}"`);
        const rounds = (producers * items) / consumers;
        if (!Number.isInteger(rounds)) throw new Error("the consumers cannot share the items equally");
        const thread = (kind, program, rounds) => (_, number) => ({
            name: `${kind} ${number + 1}`,
            program: program.split(" "),
            rounds,
            items: kind === "producer" ? [..."abcdefgh"].slice(number * items, (number + 1) * items) : [],
        });
        const threads = [
            ...Array.from({ length: producers }, thread("producer", mistake.enqueue ?? ENQUEUE, items)),
            ...Array.from({ length: consumers }, thread("consumer", DEQUEUE, rounds)),
        ];
        return { variant, mistake, capacity, threads };
    }

    /** The state before the first step. */
    function begin(setting) {
        return {
            permits: { empty_slots: setting.capacity + (setting.mistake.moreSlots ?? 0), mutex: 1, filled_slots: 0 },
            // In the order in which they fell asleep.
            sleepers: { empty_slots: [], mutex: [], filled_slots: [] },
            slots: Array(setting.capacity).fill(null),
            oldest: 0,
            length: 0,
            // What the queue has accepted and must still deliver, in this order, whatever its slots hold.
            owed: [],
            threads: setting.threads.map(() => ({ line: 0, round: 0, is: "running", got: [] })),
            failure: null,
        };
    }

    /** The same state again. Everything that a step changes is copied. */
    function copy(state) {
        return {
            permits: { ...state.permits },
            sleepers: Object.fromEntries(SEMAPHORES.map((name) => [name, [...state.sleepers[name]]])),
            slots: [...state.slots],
            oldest: state.oldest,
            length: state.length,
            owed: [...state.owed],
            threads: state.threads.map((thread) => ({ ...thread, got: [...thread.got] })),
            failure: state.failure,
        };
    }

    /** Whether a thread can take a step: it has not ended and does not sleep, and nothing has failed. */
    function canStep(state, number) {
        return !state.failure && ["running", "woken", "about to sleep"].includes(state.threads[number].is);
    }

    /** The threads that can take the next step. */
    function enabled(state) {
        return state.threads.map((_, number) => number).filter((number) => canStep(state, number));
    }

    /** The line at which a thread is, or null if it has ended. */
    function lineOf(setting, state, number) {
        const { is, line } = state.threads[number];
        return is === "ended" ? null : setting.threads[number].program[line];
    }

    /** Whether a thread is between `mutex.acquire()` and `mutex.release()`. */
    function hasMutex(setting, state, number) {
        const before = setting.threads[number].program.slice(0, state.threads[number].line);
        return before.lastIndexOf("mutex.acquire()") > before.lastIndexOf("mutex.release()");
    }

    /**
     * Lets a thread take its next step.
     * @returns {{state: object, words: string}} the state after it, and what happened
     */
    function step(setting, before, number) {
        if (!canStep(before, number)) throw new Error(`${setting.threads[number].name} cannot take a step`);
        const state = copy(before);
        const [object, operation] = lineOf(setting, state, number).split(/[.(]/);
        const words = DO[operation](setting, state, number, object);
        const someSleep = state.threads.some((thread) => thread.is === "asleep");
        if (!state.failure && someSleep && enabled(state).length === 0) {
            state.failure = { kind: "deadlock", says: `Deadlock: no thread can go on. ${sleepersOf(setting, state)}` };
        }
        return { state, words };
    }

    /** What each line of a program does to the state; returns it in words. */
    const DO = {
        acquire(setting, state, number, name) {
            const thread = state.threads[number];
            const who = setting.threads[number].name;
            const trusts = thread.is === "woken" && setting.mistake.looksOnce;
            const asksTwice = thread.is === "about to sleep";
            if (asksTwice || (state.permits[name] === 0 && !trusts)) {
                if (setting.mistake.sleepsLater && !asksTwice) {
                    thread.is = "about to sleep";
                    return `${who} looks at ${name}: no permit. It is going to sleep, and does not sleep yet.`;
                }
                const again = thread.is === "woken" ? "again finds no permit" : "finds no permit";
                thread.is = "asleep";
                state.sleepers[name].push(number);
                if (asksTwice) return `${who} falls asleep at ${name}, without another look.`;
                return `${who} ${again} of ${name}, and sleeps.`;
            }
            state.permits[name] -= 1;
            if (state.permits[name] < 0) {
                fail(
                    state,
                    "permit twice",
                    `${who} does not look again, and takes a permit of ${name} that another thread has.`,
                );
            }
            goOn(setting, state, number);
            return `${who} takes a permit of ${name}.`;
        },

        release(setting, state, number, name) {
            const who = setting.threads[number].name;
            state.permits[name] += 1;
            const woken = state.sleepers[name].shift();
            if (woken !== undefined) state.threads[woken].is = "woken";
            goOn(setting, state, number);
            const whom = woken === undefined ? "nobody" : setting.threads[woken].name;
            return `${who} releases a permit of ${name}, and wakes ${whom}.`;
        },

        push(setting, state, number) {
            const { name: who, items } = setting.threads[number];
            const item = items[state.threads[number].round];
            const behind = state.oldest + state.length;
            const last = setting.capacity - 1;
            const slot = setting.mistake.staysAtTheEnd ? Math.min(behind, last) : behind % setting.capacity;
            const there = state.slots[slot];
            if (state.length === setting.capacity) {
                fail(
                    state,
                    "no empty slot",
                    `a push without an empty slot: ${who} would overwrite ${there}.`,
                );
            } else {
                if (there !== null) fail(state, "overwritten", `${item} has overwritten ${there}. ${there} is lost.`);
                state.slots[slot] = item;
                state.owed.push(item);
                state.length += 1;
            }
            goOn(setting, state, number);
            return `${who} pushes ${item}.`;
        },

        pop(setting, state, number) {
            const who = setting.threads[number].name;
            const item = state.slots[state.oldest];
            if (item === null) {
                fail(state, "no item", `${who} had a permit for an item, and there is none.`);
                return `${who} pops nothing.`;
            }
            state.slots[state.oldest] = null;
            state.oldest = (state.oldest + 1) % setting.capacity;
            state.length -= 1;
            state.threads[number].got.push(item);
            const owed = state.owed.shift();
            if (item !== owed) {
                fail(state, "wrong item", `${who} got ${item}; it was ${owed ?? "nothing"} that had to come next.`);
            }
            goOn(setting, state, number);
            return `${who} pops ${item}.`;
        },
    };

    function fail(state, kind, says) {
        state.failure = { kind, says };
    }

    function goOn(setting, state, number) {
        const thread = state.threads[number];
        const { program, rounds } = setting.threads[number];
        thread.is = "running";
        thread.line += 1;
        if (thread.line < program.length) return;
        thread.line = 0;
        thread.round += 1;
        if (thread.round === rounds) thread.is = "ended";
    }

    function sleepersOf(setting, state) {
        const asleep = setting.threads.flatMap(({ name }, number) => {
            if (state.threads[number].is !== "asleep") return [];
            const holding = hasMutex(setting, state, number) ? ", with the mutex in its hand" : "";
            return `${name} sleeps at ${lineOf(setting, state, number)}${holding}`;
        });
        return `${asleep.join("; ")}.`;
    }

    /**
     * Tries every schedule: from each state, each thread that can take a step takes it. A schedule ends when all
     * threads have ended or something has failed.
     * @returns {{states: number, schedules: bigint, failing: Object<string, bigint>,
     *     failures: Object<string, {says: string, schedule: number[]}>}} how many states and schedules there are, how
     *     many schedules fail in which way, and a shortest schedule for each kind of failure
     */
    function explore(variant, options) {
        const setting = setup(variant, options);
        const failures = {};
        const known = new Map();
        // The same state comes up in many schedules; it is looked at once. First come, first served, so whoever
        // follows `from` back to the beginning goes along a shortest schedule.
        const entries = [];
        const reach = (state, from, by) => {
            const key = JSON.stringify(state);
            if (!known.has(key)) {
                known.set(key, { state, from, by, next: [], counts: null });
                entries.push(known.get(key));
            }
            return known.get(key);
        };
        reach(begin(setting), null, null);
        for (const entry of entries) {
            const { failure } = entry.state;
            if (failure) failures[failure.kind] ??= { says: failure.says, schedule: scheduleTo(entry) };
            entry.next = enabled(entry.state).map((number) =>
                reach(step(setting, entry.state, number).state, entry, number),
            );
        }
        const { schedules, ...failing } = count(entries[0]);
        return { states: entries.length, schedules, failing, failures };
    }

    function scheduleTo(entry) {
        const schedule = [];
        for (; entry.from; entry = entry.from) schedule.unshift(entry.by);
        return schedule;
    }

    /** How many schedules lead on from here: in all, and to each kind of failure. No state ever comes back. */
    function count(entry) {
        if (entry.counts) return entry.counts;
        entry.counts = { schedules: 0n };
        if (entry.next.length === 0) entry.counts.schedules = 1n;
        if (entry.state.failure) entry.counts[entry.state.failure.kind] = 1n;
        for (const next of entry.next) {
            for (const [what, number] of Object.entries(count(next))) {
                entry.counts[what] = (entry.counts[what] ?? 0n) + number;
            }
        }
        return entry.counts;
    }

    const model = { SEMAPHORES, VARIANTS, KINDS, setup, begin, step, enabled, lineOf, hasMutex, explore };
    if (typeof module !== "undefined") module.exports = model;
    else herd.models.queue = model;
})();
