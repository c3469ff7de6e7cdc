// What the dashboard concludes from the numbers, without a browser.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const model = require("../../stages/5-stats/src/monitoring/dashboard/model.js");

/** An answer of /stats: what is not said is 0. */
function stats({ total = {}, workers = [{}] } = {}) {
    const numbers = { requests: 0, rejections: 0, restarts: 0, cache_hits: 0, cache_misses: 0, durations: [] };
    return {
        total: { ...numbers, ...total },
        workers: workers.map((worker, slot) => ({ slot, pid: 100 + slot, draining_pid: null, ...numbers, ...worker })),
    };
}

/** What happens when these are the answers, a second apart; null is no answer. Events as texts, for each of them. */
function story(answers) {
    let known = model.begin();
    return answers.map((answer, second) => {
        const now = 1000 * second;
        const taken = answer ? model.answered(known, now, answer) : model.unanswered(known, now);
        known = taken.known;
        return taken.events.map(({ text }) => text);
    });
}

test("nothing happens while nothing changes", () => {
    assert.deepEqual(story([stats(), stats(), stats({ total: { requests: 5 } })]), [[], [], []]);
});

test("a death and its successor, both between two answers", () => {
    const events = story([stats(), stats({ workers: [{ pid: 200, restarts: 1 }] })]);
    assert.deepEqual(events[1], ["slot 0: worker 100 has died", "slot 0: worker 200 takes its place"]);
});

test("a slot that is empty for a while", () => {
    const events = story([
        stats(),
        stats({ workers: [{ pid: 0 }] }),
        stats({ workers: [{ pid: 0 }] }),
        stats({ workers: [{ pid: 200, restarts: 1 }] }),
    ]);
    assert.deepEqual(events, [[], ["slot 0: worker 100 has died"], [], ["slot 0: worker 200 takes its place"]]);
});

test("a roll of two slots, with one that drains for long", () => {
    const events = story([
        stats({ workers: [{}, {}] }),
        stats({ workers: [{ pid: 200, draining_pid: 100 }, {}] }),
        stats({ workers: [{ pid: 200, draining_pid: 100 }, {}] }),
        stats({ workers: [{ pid: 200 }, { pid: 201 }] }),
        stats({ workers: [{ pid: 200 }, { pid: 201 }] }),
    ]);
    assert.deepEqual(events, [
        [],
        ["a roll has begun", "slot 0: worker 200 takes over from 100"],
        [],
        ["slot 1: worker 201 takes over from 101"],
        ["the roll is over"],
    ]);
});

test("refusals begin once, and are over after a while without one", () => {
    const rejections = [0, 3, 9, 9, 9, 10, 10, 10, 10, 10];
    const events = story(rejections.map((rejections) => stats({ total: { rejections } })));
    assert.deepEqual(
        events.map((texts) => texts.length),
        [0, 1, 0, 0, 0, 0, 0, 0, 1, 0],
    );
    assert.match(events[1][0], /have begun/);
    assert.match(events[8][0], /have ended: 10 in all/);
});

test("an absence is said once, and so is the return", () => {
    assert.deepEqual(story([stats(), null, null, stats()]), [
        [],
        ["the server does not answer"],
        [],
        ["the server is back"],
    ]);
});

test("a herd that was restarted begins a new story", () => {
    const events = story([
        stats({ total: { requests: 9 } }),
        null,
        stats({ total: { requests: 1 }, workers: [{ pid: 300 }] }),
    ]);
    assert.deepEqual(events[2], ["the server is back", "the herd was restarted"]);
});

test("rates are per second, whatever the time between two answers", () => {
    const sample = (now, requests) => ({ now, stats: stats({ total: { requests } }) });
    const requests = ({ total }) => total.requests;
    assert.equal(model.rate([sample(0, 10), sample(2000, 50)], requests), 20);
    assert.equal(model.rate([sample(0, 10), sample(0, 10)], requests), 0);
    assert.equal(model.hitRate({ cache_hits: 2, cache_misses: 2 }, { cache_hits: 5, cache_misses: 3 }), 0.75);
    assert.equal(model.hitRate({ cache_hits: 2, cache_misses: 2 }, { cache_hits: 2, cache_misses: 2 }), null);
});

test("a percentile is the bound of the bucket in which it lies", () => {
    const buckets = [0.001, 0.01, null].map((up_to_seconds, index) => ({ up_to_seconds, count: [98, 1, 1][index] }));
    assert.equal(model.percentile(buckets, 0.5), 0.001);
    assert.equal(model.percentile(buckets, 0.99), 0.01);
    assert.equal(model.percentile(buckets, 1), null);
    assert.equal(model.percentile([], 0.5), undefined);
});

test("a death is shown for a while, and an empty slot for as long as it is empty", () => {
    const { known } = model.answered(
        model.answered(model.begin(), 0, stats()).known,
        1000,
        stats({ workers: [{ pid: 200, restarts: 1 }] }),
    );
    const worker = { slot: 0, pid: 200, draining_pid: null };
    assert.deepEqual(model.condition(known, worker, 2000), { is: "dead", pid: 100, at: 1000 });
    assert.equal(model.condition(known, worker, 60000).is, "serving");
    assert.equal(model.condition(known, { ...worker, pid: 0 }, 60000).is, "dead");
    assert.equal(model.condition(known, { ...worker, draining_pid: 5 }, 60000).is, "draining");
});

test("what is older than two minutes is forgotten", () => {
    let known = model.begin();
    for (let second = 0; second < 200; second++) ({ known } = model.answered(known, 1000 * second, stats()));
    assert.equal(known.samples.length, 121);
    assert.equal(model.line(known, () => 1).at(0).age, 119000);
});
