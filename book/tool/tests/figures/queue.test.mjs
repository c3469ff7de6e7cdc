// The figure `queue`: what its model says of each variant is what loom says of the same mistake in the real code.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const {
    SEMAPHORES,
    VARIANTS,
    KINDS,
    setup,
    begin,
    step,
    enabled,
    lineOf,
    hasMutex,
    explore,
} = require("../../../src/figures/queue/model.js");

const P1 = 0;
const P2 = 1;
const C1 = 2;
const C2 = 3;
const MISTAKES = Object.keys(VARIANTS).filter((name) => name !== "correct");
/** Loom has refused every one of these. */
const REFUSED = wrongSubmissions(read("../../../../tests/submissions/queue.toml"));

function read(path) {
    return readFileSync(new URL(path, import.meta.url), "utf8");
}

/** The few fields of the file that are needed here: one a line, in double quotes. */
function wrongSubmissions(toml) {
    const field = (entry, name) => entry.match(new RegExp(`^${name} = "(.*)"$`, "m"))?.[1];
    return toml
        .split("[[wrong]]")
        .slice(1)
        .map((entry) => ({ name: field(entry, "name"), mistake: field(entry, "mistake"), says: field(entry, "says") }));
}

/** Both capacities that the figure offers. Looked at once: the larger one takes a second. */
const FAILURES = new Map(
    Object.keys(VARIANTS).map((variant) => [
        variant,
        [1, 2].map((capacity) => explore(variant, { capacity }).failures),
    ]),
);

function failuresOf(variant) {
    const [ofOne, ofTwo] = FAILURES.get(variant);
    return { ...ofTwo, ...ofOne };
}

/** Takes these steps from the beginning. */
function play(setting, schedule) {
    let state = begin(setting);
    let words = "";
    for (const number of schedule) ({ state, words } = step(setting, state, number));
    return { state, words };
}

/** Every state that can be reached, level by level; written without `explore`, to check it. */
function levels(setting) {
    const all = [];
    const seen = new Set();
    let level = [begin(setting)];
    while (level.length > 0) {
        const fresh = level.filter((state) => {
            const key = JSON.stringify(state);
            return !seen.has(key) && seen.add(key);
        });
        all.push(fresh);
        level = fresh.flatMap((state) => enabled(state).map((number) => step(setting, state, number).state));
    }
    return all;
}

/** How many schedules lead on from a state; it remembers nothing. */
function countOneByOne(setting, state, ends) {
    if (enabled(state).length === 0) {
        const kind = state.failure?.kind ?? "well";
        ends[kind] = (ends[kind] ?? 0n) + 1n;
        return 1n;
    }
    return enabled(state).reduce((sum, number) => {
        return sum + countOneByOne(setting, step(setting, state, number).state, ends);
    }, 0n);
}

test("the correct queue fails in no schedule", () => {
    assert.deepEqual(FAILURES.get("correct"), [{}, {}]);
});

test("every variant is a mistake that loom refuses, with its name and its thought, and fails here too", () => {
    assert.ok(REFUSED.length >= 8, "the file is read");
    for (const variant of MISTAKES) {
        const refused = REFUSED.find(({ name }) => name === variant);
        assert.ok(refused, `"${variant}" is in queue.toml`);
        assert.equal(VARIANTS[variant].thought, refused.mistake);
        assert.notDeepEqual(failuresOf(variant), {}, `"${variant}" must fail`);
    }
});

test("each mistake fails in its own way and in no other", () => {
    const kinds = Object.fromEntries(MISTAKES.map((variant) => [variant, Object.keys(failuresOf(variant))]));
    assert.deepEqual(kinds, {
        "the mutex before the slot": ["deadlock"],
        "announced before it is there": ["no item"],
        "one slot more than there are": ["no empty slot"],
        "if for while": ["permit twice"],
        "looking and sleeping in two steps": ["deadlock"],
        "a buffer that does not go round": ["overwritten"],
    });
    for (const kind of Object.values(kinds).flat()) assert.ok(KINDS[kind], kind);
});

const verdicts = new URL("../../../src/data/museum/verdicts.json", import.meta.url);
test("a deadlock is one for loom too", { skip: !existsSync(verdicts) && "no verdicts are recorded" }, () => {
    const recorded = JSON.parse(readFileSync(verdicts, "utf8")).filter(({ part }) => part === "queue");
    const both = recorded.filter(({ name }) => MISTAKES.includes(name));
    assert.ok(both.length >= 2, "the museum has some of the variants");
    for (const { name, verdict } of both) {
        assert.equal("deadlock" in failuresOf(name), verdict === "deadlock", `${name}: loom says ${verdict}`);
    }
});

test("what the buffer says when it is full is what the student is shown", () => {
    const { says } = REFUSED.find(({ name }) => name === "one slot more than there are");
    assert.ok(failuresOf("one slot more than there are")["no empty slot"].says.startsWith(says));
});

test("a shortest schedule leads to its failure, and there is no shorter one", () => {
    for (const variant of MISTAKES) {
        for (const capacity of [1, 2]) {
            const setting = setup(variant, { capacity });
            const shortest = {};
            levels(setting).forEach((level, steps) => {
                for (const { failure } of level) if (failure) shortest[failure.kind] ??= steps;
            });
            const failures = FAILURES.get(variant)[capacity - 1];
            assert.deepEqual(Object.keys(failures), Object.keys(shortest), variant);
            for (const [kind, { schedule, says }] of Object.entries(failures)) {
                assert.deepEqual(play(setting, schedule).state.failure, { kind, says });
                assert.equal(schedule.length, shortest[kind], `${variant}: ${kind}`);
            }
        }
    }
});

test("states and schedules are counted as one by one", () => {
    const settings = [
        ["correct", { capacity: 1 }],
        ["the mutex before the slot", { capacity: 1 }],
        ["if for while", { capacity: 1 }],
        ["announced before it is there", { capacity: 1, producers: 1, consumers: 2, items: 2 }],
        ["looking and sleeping in two steps", { capacity: 1, producers: 1, consumers: 1, items: 2 }],
        ["correct", { capacity: 2, producers: 1, consumers: 1, items: 2 }],
    ];
    for (const [variant, options] of settings) {
        const setting = setup(variant, options);
        const ends = {};
        const { states, schedules, failing } = explore(variant, options);
        assert.equal(schedules, countOneByOne(setting, begin(setting), ends), variant);
        delete ends.well;
        assert.deepEqual(failing, ends, variant);
        assert.equal(states, levels(setting).flat().length, variant);
    }
});

test("one producer and one consumer of one item have six schedules", () => {
    // The consumer looks before the producer's last step, in one of five places, and sleeps until that; or after it.
    // From there on there is only one thread that can take a step.
    assert.equal(explore("correct", { producers: 1, consumers: 1 }).schedules, 6n);
});

test("in every state of the correct queue the semaphores tell the truth", () => {
    for (const capacity of [1, 2]) {
        const setting = setup("correct", { capacity });
        for (const state of levels(setting).flat()) {
            const { permits, sleepers, slots, oldest, length, owed, threads } = state;
            const holders = threads.filter((_, number) => hasMutex(setting, state, number));
            assert.equal(permits.mutex + holders.length, 1);
            // Every permit is in a semaphore or with a thread that is between its two ends.
            const between = threads.filter(({ line }) => line > 0).length;
            assert.equal(permits.empty_slots + permits.filled_slots + between, capacity);
            const inside = Array.from({ length }, (_, place) => slots[(oldest + place) % capacity]);
            assert.deepEqual(inside, owed);
            assert.equal(slots.filter((slot) => slot !== null).length, length);
            for (const name of SEMAPHORES) {
                assert.ok(permits[name] >= 0);
                for (const number of sleepers[name]) assert.equal(threads[number].is, "asleep");
            }
            const asleep = threads.filter(({ is }) => is === "asleep").length;
            assert.equal(Object.values(sleepers).flat().length, asleep);
            if (enabled(state).length > 0) continue;
            assert.ok(threads.every(({ is }) => is === "ended"));
            const items = setting.threads.flatMap(({ items }) => items);
            assert.deepEqual(threads.flatMap(({ got }) => got).sort(), items);
        }
    }
});

test("who finds no permit sleeps until a release wakes it, and then looks again", () => {
    const setting = setup("correct", { capacity: 1 });
    let { state, words } = play(setting, [C1, C2]);
    assert.match(words, /consumer 2 finds no permit of filled_slots, and sleeps/);
    assert.deepEqual(state.sleepers.filled_slots, [C1, C2]);
    assert.deepEqual(enabled(state), [P1, P2]);
    assert.equal(lineOf(setting, state, C1), "filled_slots.acquire()");
    for (let line = 0; line < 5; line++) ({ state, words } = step(setting, state, P1));
    // First asleep, first woken.
    assert.match(words, /producer 1 releases a permit of filled_slots, and wakes consumer 1/);
    assert.equal(state.threads[P1].is, "ended");
    assert.equal(lineOf(setting, state, P1), null);
    assert.deepEqual(state.sleepers.filled_slots, [C2]);
    assert.equal(state.threads[C1].is, "woken");
    assert.equal(state.permits.filled_slots, 1);
    ({ state } = step(setting, state, C1));
    assert.equal(state.threads[C1].is, "running");
    assert.equal(state.permits.filled_slots, 0);
});

test("a woken thread that comes too late sleeps again; with `if` it takes a permit that is not there", () => {
    // Consumer 1 sleeps; the producer wakes it; consumer 2 is faster.
    const schedule = [C1, P1, P1, P1, P1, P1, C2, C1];
    const late = play(setup("correct", { capacity: 1 }), schedule);
    assert.match(late.words, /consumer 1 again finds no permit of filled_slots, and sleeps/);
    assert.equal(late.state.failure, null);
    const twice = play(setup("if for while", { capacity: 1 }), schedule);
    assert.equal(twice.state.failure.kind, "permit twice");
    assert.equal(twice.state.permits.filled_slots, -1);
});

test("a release between looking and sleeping is lost if these are two steps", () => {
    const setting = setup("looking and sleeping in two steps", { capacity: 1 });
    const { state, words } = play(setting, [C1, P1, P1, P1, P1, P1, C1]);
    assert.match(words, /falls asleep at filled_slots, without another look/);
    assert.equal(state.permits.filled_slots, 1);
    assert.equal(state.threads[C1].is, "asleep");
});

test("a deadlock says who sleeps where, and with what in its hand", () => {
    const setting = setup("the mutex before the slot", { capacity: 1 });
    const { schedule } = explore("the mutex before the slot", { capacity: 1 }).failures.deadlock;
    const { state } = play(setting, schedule);
    assert.deepEqual(enabled(state), []);
    assert.match(state.failure.says, /no thread can go on/);
    assert.match(state.failure.says, /sleeps at empty_slots\.acquire\(\), with the mutex in its hand/);
    assert.match(state.failure.says, /sleeps at mutex\.acquire\(\)[;.]/);
});

test("an item that is not the next one is noticed, whatever has happened to it", () => {
    const setting = setup("correct", { capacity: 2 });
    const { state } = play(setting, [P1, P1, P1, P1, P1, P1, P1, P1, P1, P1, C1, C1]);
    assert.deepEqual(state.owed, ["a", "b"]);
    for (const [slots, owed, says] of [
        [["b", "a"], ["a", "b"], /got b; it was a that had to come next/],
        [["a", "b"], ["b"], /got a; it was b/],
        [["a", "b"], [], /got a; it was nothing/],
    ]) {
        const { failure } = step(setting, { ...state, slots, owed }, C1).state;
        assert.equal(failure.kind, "wrong item");
        assert.match(failure.says, says);
    }
});

test("a failure ends everything", () => {
    const { state } = play(setup("announced before it is there", { capacity: 1 }), [P1, P1, C1, C1, C1]);
    assert.equal(state.failure.kind, "no item");
    assert.deepEqual(enabled(state), []);
});

test("a step changes nothing but its result, and is refused to who cannot take it", () => {
    const setting = setup("correct", { capacity: 1 });
    let state = begin(setting);
    for (const number of [C1, P1, P1, P1, P1, P1, C1, C1, C1, C1, C1]) {
        const before = JSON.stringify(state);
        const after = step(setting, state, number).state;
        assert.equal(JSON.stringify(state), before);
        state = after;
    }
    assert.equal(state.threads[P1].is, "ended");
    assert.throws(() => step(setting, state, P1), /producer 1 cannot take a step/);
    ({ state } = step(setting, state, C2));
    assert.throws(() => step(setting, state, C2), /consumer 2 cannot take a step/);
});

test("what cannot be set up is refused", () => {
    assert.throws(() => setup("no such variant"), /there is no variant "no such variant"/);
    assert.throws(() => setup("correct", { producers: 1, consumers: 2, items: 1 }), /cannot share/);
});
