// The figure `replay`: what it says of a recorded interleaving follows from the steps, and is what the verdict says.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const { complaints, go, stepAt, placeOf, code, threadStates, locks } = require("../../../src/figures/replay/model.js");

const FOLDER = new URL("../../../src/data/museum/", import.meta.url);
const read = (name) => readFileSync(new URL(name, FOLDER), "utf8");
const VERDICTS = JSON.parse(read("verdicts.json"));
const RECORDED = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json") && name !== "verdicts.json")
    .map((name) => ({ exhibit: name.replace(".json", ""), data: JSON.parse(read(name)) }));

/** One file of ten lines, and these steps: `[thread, action, line]`. */
function small(steps, { threads = ["main", "other"], cause = "it has failed", stuck = [], omitted = 0 } = {}) {
    return {
        name: "a mistake",
        promise: "nothing goes wrong",
        cause,
        threads,
        omitted,
        steps: steps.map(([thread, action, line], index) => ({
            step: index + 1 + omitted,
            thread,
            action,
            place: line ? `a.rs:${line}` : null,
        })),
        stuck,
        files: { "a.rs": Array.from({ length: 10 }, (_, index) => `        line ${index + 1}`).join("\n") },
    };
}

const is = (data, position) => threadStates(data, position).map((state) => state.is);
const held = (data, position) => locks(data, position).map(({ thread, kind, place }) => `${thread} ${kind} ${place}`);

test("every exhibit that loom has refused has its replay, and every replay an exhibit", () => {
    const refused = VERDICTS.filter(({ verdict }) => verdict !== "test").map(({ exhibit }) => exhibit);
    const recorded = RECORDED.map(({ exhibit }) => exhibit);
    assert.deepEqual(recorded, refused.filter((exhibit) => recorded.includes(exhibit)).sort());
    for (const exhibit of refused) {
        const page = readFileSync(new URL(`../../museum/${exhibit}.md`, FOLDER), "utf8");
        const shown = page.includes(`{{#include ../data/museum/${exhibit}.json}}`);
        assert.equal(shown, recorded.includes(exhibit), `${exhibit}.md`);
        assert.ok(shown, `${exhibit} has no replay`);
    }
});

for (const { exhibit, data } of RECORDED) {
    test(`${exhibit}: what was recorded can be shown, all of it`, () => {
        assert.deepEqual(complaints(data), []);
        assert.equal(data.omitted, 0, "the interleaving is whole");
    });

    test(`${exhibit}: the text of the verdict ends with the same steps`, () => {
        const text = read(`${exhibit}.txt`);
        assert.ok(text.includes(data.cause.split("\n")[0]), "the same cause");
        const numbers = [...text.matchAll(/^ +(\d+)  +\S/gm)].map(([, number]) => Number(number));
        assert.ok(numbers.length > 0, "the verdict has lanes");
        assert.equal(numbers.at(-1), data.steps.length);
        for (const number of numbers) {
            const line = text.split("\n").find((line) => new RegExp(`^ +${number}  +\\S`).test(line));
            assert.ok(line.includes(data.steps[number - 1].action), `${line} is ${data.steps[number - 1].action}`);
        }
    });

    test(`${exhibit}: at the end the threads are where the verdict says`, () => {
        const { verdict } = VERDICTS.find((one) => one.exhibit === exhibit);
        const end = threadStates(data, data.steps.length);
        for (const { thread, inside, place } of data.stuck) {
            assert.deepEqual(end[thread], { is: `in ${inside}`, place });
        }
        if (verdict === "deadlock") assert.ok(data.stuck.length > 0 && end.every(({ is }) => is !== "running"));
    });

    test(`${exhibit}: only who has begun has a lock, and who falls asleep is shown asleep`, () => {
        for (let position = 0; position <= data.steps.length; position++) {
            const states = threadStates(data, position);
            for (const { thread, kind } of locks(data, position)) {
                assert.ok(kind === "lock" || kind.endsWith(" lock"));
                assert.notEqual(states[thread].is, "not begun", `step ${position}`);
            }
            const step = stepAt(data, position);
            if (step?.action === "wait, asleep") assert.equal(states[step.thread].is.split(" ")[0], "in");
        }
    });
}

test("one goes forwards and backwards, and never further than there are steps", () => {
    const data = small([
        [0, "lock", 1],
        [0, "unlock"],
    ]);
    assert.equal(go(data, 0, "next"), 1);
    assert.equal(go(data, 1, "previous"), 0);
    assert.equal(go(data, 0, "previous"), 0);
    assert.equal(go(data, 2, "next"), 2);
    assert.equal(go(data, 0, "last"), 2);
    assert.equal(go(data, 2, "first"), 0);
    assert.equal(go(data, 0, 1), 1);
    assert.equal(go(data, 0, 99), 2);
    assert.equal(stepAt(data, 0), null);
    assert.equal(stepAt(data, 2).action, "unlock");
});

test("a thread has not begun, runs, waits for the end of another, and ends", () => {
    const data = small([
        [0, "spawn other", 2],
        [0, "lock", 3],
        [1, "start", 7],
        [0, "unlock"],
        [1, "end"],
        [0, "join other", 4],
        [0, "end"],
    ]);
    const story = [0, 1, 2, 3, 4, 5, 6, 7].map((position) => is(data, position).join(", "));
    assert.deepEqual(story, [
        "running, not begun",
        "running, not begun",
        "running, not begun",
        "running, running",
        "in join other, running",
        "running, ended",
        "running, ended",
        "ended, ended",
    ]);
});

test("a thread starts on the line that spawned it", () => {
    const data = small([
        [0, "spawn other", 2],
        [1, "start", 7],
    ]);
    assert.equal(placeOf(data, 1), "a.rs:2");
});

test("who sleeps has given its lock back, and has it again when it is woken", () => {
    const data = small([
        [1, "lock", 3],
        [1, "wait, asleep", 5],
        [0, "lock", 8],
        [0, "notify_one", 9],
        [0, "unlock"],
        [1, "woken"],
        [1, "unlock"],
    ]);
    assert.deepEqual(
        [1, 2, 3, 5, 6, 7].map((position) => held(data, position)),
        [["1 lock a.rs:3"], [], ["0 lock a.rs:8"], [], ["1 lock a.rs:3"], []],
    );
    assert.deepEqual(
        [1, 2, 4, 6].map((position) => is(data, position)[1]),
        ["running", "in wait", "in wait", "running"],
    );
    assert.equal(placeOf(data, 5), "a.rs:5", "it wakes where it fell asleep");
    const two = small([
        [0, "wait, asleep", 2],
        [1, "wait, asleep", 5],
        [0, "woken"],
    ]);
    assert.equal(placeOf(two, 2), "a.rs:2", "and not where another did");
});

test("of several locks the one that was taken last is given back, kind by kind", () => {
    const data = small([
        [0, "lock", 1],
        [0, "read lock", 2],
        [0, "lock", 3],
        [0, "unlock"],
        [0, "read unlock"],
    ]);
    assert.deepEqual(held(data, 3), ["0 lock a.rs:1", "0 read lock a.rs:2", "0 lock a.rs:3"]);
    assert.deepEqual(held(data, 4), ["0 lock a.rs:1", "0 read lock a.rs:2"]);
    assert.deepEqual(held(data, 5), ["0 lock a.rs:1"]);
    const crossed = small([
        [0, "read lock", 2],
        [0, "lock", 3],
        [0, "read unlock"],
    ]);
    assert.deepEqual(held(crossed, 3), ["0 lock a.rs:3"]);
});

test("who has panicked and who is stuck is said at the end, and not before", () => {
    const steps = [
        [0, "spawn other", 1],
        [1, "start", 1],
        [1, "load 1", 4],
    ];
    const failed = small(steps, { cause: "in interleaving 2: other panicked at a.rs:5" });
    assert.deepEqual(is(failed, 2), ["running", "running"]);
    assert.deepEqual(is(failed, 3), ["running", "panicked"]);
    const stuck = small(steps, { stuck: [{ thread: 1, inside: "lock", place: "a.rs:6" }] });
    assert.equal(is(stuck, 2)[1], "running");
    assert.deepEqual(threadStates(stuck, 3)[1], { is: "in lock", place: "a.rs:6" });
});

test("threads that began in steps that are not shown have begun", () => {
    const data = small([[1, "lock", 3]], { omitted: 4 });
    assert.deepEqual(is(data, 0), ["running", "running"]);
    assert.deepEqual(complaints(data), []);
});

test("a line is shown with those around it, as far to the left as they go", () => {
    const data = small([[0, "lock", 1]]);
    const shown = code(data, "a.rs:2", 2);
    assert.equal(shown.file, "a.rs");
    assert.equal(shown.line, 2);
    assert.deepEqual(shown.lines[1], { number: 2, text: "line 2" });
    assert.deepEqual(
        shown.lines.map(({ number }) => number),
        [1, 2, 3, 4],
    );
    assert.deepEqual(
        code(data, "a.rs:10", 1).lines.map(({ number }) => number),
        [9, 10],
    );
    for (const nowhere of ["a.rs:0", "a.rs:11", "b.rs:1", "a.rs", "toString:1"])
        assert.equal(code(data, nowhere), null);
});

test("data that cannot be shown is refused, with a reason", () => {
    const good = small([[0, "lock", 1]]);
    const broken = (change) => {
        const data = structuredClone(good);
        change(data);
        return complaints(data).join("; ");
    };
    assert.equal(
        broken(() => {}),
        "",
    );
    assert.match(complaints(null).join(), /no data/);
    assert.match(
        broken((data) => (data.cause = "")),
        /cause is no text/,
    );
    assert.match(
        broken((data) => (data.omitted = -1)),
        /omitted/,
    );
    assert.match(
        broken((data) => (data.steps = [])),
        /steps is empty/,
    );
    assert.match(
        broken((data) => delete data.stuck),
        /stuck is no list/,
    );
    assert.match(
        broken((data) => (data.files = null)),
        /no files/,
    );
    assert.match(
        broken((data) => (data.threads[1] = 7)),
        /has no name/,
    );
    assert.match(
        broken((data) => (data.steps[0].step = 3)),
        /step 1 has the number 3/,
    );
    assert.match(
        broken((data) => (data.steps[0].thread = 5)),
        /of no thread/,
    );
    assert.match(
        broken((data) => (data.steps[0].place = "a.rs:99")),
        /a\.rs:99, which is not there/,
    );
    assert.match(
        broken((data) => data.stuck.push({ thread: 0, inside: "lock", place: "b.rs:1" })),
        /stuck is at b\.rs:1/,
    );
    const ended = small([
        [1, "end"],
        [1, "lock", 2],
    ]);
    assert.match(complaints(ended).join(), /a thread that has ended/);
});
