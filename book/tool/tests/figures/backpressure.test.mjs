// The figure `backpressure`: its theory is the textbook's, and its chances agree with its theory.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const { PRESETS, capacity, probabilities, theory, simulate } = require("../../../src/figures/backpressure/model.js");

const close = (found, expected, what, part = 1e-9) =>
    assert.ok(
        Math.abs(found - expected) <= part * Math.max(1e-12, Math.abs(expected)),
        `${what}: ${found}, not ${expected}`,
    );
const factorial = (n) => (n <= 1 ? 1 : n * factorial(n - 1));

const SETTINGS = [
    ...Object.values(PRESETS),
    { rate: 90, threads: 1, milliseconds: 10, slots: 3 },
    { rate: 100, threads: 1, milliseconds: 10, slots: 0 },
    { rate: 1000, threads: 4, milliseconds: 5, slots: 20 },
    { rate: 10, threads: 32, milliseconds: 50, slots: 1000 },
];

test("one thread: the closed form of M/M/1/K", () => {
    for (const rate of [30, 90, 250]) {
        const slots = 4;
        const load = rate / 100;
        const refused = ((1 - load) * load ** (slots + 1)) / (1 - load ** (slots + 2));
        close(theory({ rate, threads: 1, milliseconds: 10, slots }).refused, refused, `at ${rate}`);
    }
    // With a load of exactly 1 all numbers of requests are equally likely.
    close(theory({ rate: 100, threads: 1, milliseconds: 10, slots: 4 }).refused, 1 / 6, "at a load of 1");
});

test("no queue: Erlang's loss formula", () => {
    for (const threads of [1, 3, 10]) {
        const load = 7;
        let sum = 0;
        for (let n = 0; n <= threads; n++) sum += load ** n / factorial(n);
        const expected = load ** threads / factorial(threads) / sum;
        close(theory({ rate: 700, threads, milliseconds: 10, slots: 0 }).refused, expected, `${threads} threads`);
    }
});

test("a queue that is never full: Erlang's delay formula, and exponential waits", () => {
    const [threads, load] = [4, 3];
    const queued = load ** threads / factorial(threads) / (1 - load / threads);
    let sum = 0;
    for (let n = 0; n < threads; n++) sum += load ** n / factorial(n);
    const waits = queued / (sum + queued);
    const found = theory({ rate: 300, threads, milliseconds: 10, slots: 900 });
    // Who waits at all waits, on average, for 1 / (capacity - rate) seconds.
    close(found.wait, (1000 * waits) / (400 - 300), "the mean wait", 1e-9);
    close(found.most, (1000 * Math.log(waits / 0.01)) / (400 - 300), "the 99th percentile", 1e-6);
    assert.ok(found.refused < 1e-100);
});

test("probabilities add up to 1, also far out of the range of numbers", () => {
    for (const setting of [
        ...SETTINGS,
        { rate: 1e5, threads: 1, milliseconds: 50, slots: 2000 },
        { rate: 0.01, threads: 64, milliseconds: 1, slots: 2000 },
    ]) {
        const all = probabilities(setting);
        assert.equal(all.length, setting.threads + setting.slots + 1);
        assert.ok(all.every((one) => one >= 0 && one <= 1));
        close(
            all.reduce((one, other) => one + other),
            1,
            "the sum",
            1e-9,
        );
        const found = theory(setting);
        for (const [name, value] of Object.entries(found)) assert.ok(Number.isFinite(value), `${name} is ${value}`);
    }
});

test("what is served is what is let in, and never more than can be", () => {
    for (const setting of SETTINGS) {
        const { served, refused, busy, wait, half, most, waiting } = theory(setting);
        close(served + refused * setting.rate, setting.rate, "served and refused");
        assert.ok(served <= capacity(setting) * (1 + 1e-12) && busy <= 1 + 1e-12);
        close((served * wait) / 1000, waiting, "Little's law", 1e-9);
        assert.ok(half <= most);
    }
});

test("under overload a longer queue serves nobody more, and makes all wait longer", () => {
    const [long, short] = ["the same, a long queue", "four times too many"].map((name) => theory(PRESETS[name]));
    close(long.served, 800, "served with the long one", 1e-6);
    close(short.served, 800, "served with the short one", 1e-6);
    assert.ok(long.half > 9 * short.half);
    close(short.wait, 1000 * (100 / 800), "a full queue is a wait of slots / capacity", 0.01);
});

test("the mean of many runs is what the theory says", () => {
    for (const setting of SETTINGS) {
        const expected = theory(setting);
        const runs = Array.from({ length: 12 }, (_, seed) => simulate(setting, { seconds: 60, seed }));
        for (const name of ["refused", "served", "waiting", "busy", "wait", "half", "most"]) {
            const values = runs.map((run) => run[name]);
            const mean = values.reduce((one, other) => one + other) / values.length;
            const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
            // Five standard errors, and something for the beginning, when the queue is empty.
            const allowed = 5 * Math.sqrt(variance / values.length) + 0.03 * Math.abs(expected[name]) + 1e-6;
            assert.ok(
                Math.abs(mean - expected[name]) <= allowed,
                `${name} of ${JSON.stringify(setting)}: ${mean}, not ${expected[name]}`,
            );
        }
    }
});

test("the same seed is the same run, and another is another", () => {
    const setting = PRESETS["just full"];
    const run = (seed) => simulate(setting, { seconds: 3, seed });
    assert.deepEqual(run(4), run(4));
    assert.notDeepEqual(run(4), run(5));
});

test("the line has a point for each stretch of time, and no queue is longer than its slots", () => {
    for (const setting of SETTINGS) {
        const { line, refusals } = simulate(setting, { seconds: 5, seed: 1, points: 50 });
        assert.equal(line.length, 50);
        line.forEach(({ seconds, longest }, index) => {
            close(seconds, (index + 1) / 10, "the time");
            assert.ok(longest >= 0 && longest <= setting.slots);
        });
        assert.equal(
            line.reduce((sum, point) => sum + point.refusals, 0),
            refusals,
        );
    }
});
