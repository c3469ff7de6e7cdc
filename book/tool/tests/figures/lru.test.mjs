// The figure `lru`: the rules of the part `cache`, held against a slow and simple one.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const {
    FILES,
    CAPACITIES,
    PATTERNS,
    begin,
    used,
    request,
    change,
    isStale,
    bestPossible,
} = require("../../../src/figures/lru/model.js");

const NAMES = Object.keys(FILES);
const names = (state) => state.entries.map(({ name }) => name);
const play = (capacity, requests) => requests.reduce((state, name) => request(state, name).state, begin(capacity));

/** Numbers that are the same in each run. */
function chances(seed) {
    let state = seed;
    return (below) => {
        state = (state * 1103515245 + 12345) % 2 ** 31;
        return Math.floor((state / 2 ** 31) * below);
    };
}

test("a hit becomes the most recently used", () => {
    const state = play(32, ["index.html", "style.css", "logo.svg"]);
    assert.deepEqual(names(state), ["logo.svg", "style.css", "index.html"]);
    const { state: next, result, evicted, words } = request(state, "index.html");
    assert.equal(result, "hit");
    assert.deepEqual(evicted, []);
    assert.match(words, /becomes the most recently used/);
    assert.deepEqual(names(next), ["index.html", "logo.svg", "style.css"]);
    assert.match(request(next, "index.html").words, /already/);
    assert.deepEqual([next.hits, next.misses, next.evictions], [1, 3, 0]);
});

test("what comes in evicts the least recently used, and no more than it must", () => {
    const state = play(32, ["index.html", "style.css", "logo.svg", "guide.html", "index.html"]);
    assert.equal(used(state), 32);
    const { state: next, evicted } = request(
        play(32, ["style.css", "logo.svg", "index.html", "guide.html"]),
        "photo.jpg",
    );
    assert.deepEqual(evicted, ["style.css", "logo.svg", "index.html", "guide.html"]);
    assert.deepEqual(names(next), ["photo.jpg"]);
    const small = request(play(32, ["photo.jpg", "index.html"]), "style.css");
    assert.deepEqual(small.evicted, ["photo.jpg"]);
    assert.equal(small.state.evictions, 1);
});

test("what is larger than the cache evicts nothing and is not kept", () => {
    const before = play(32, ["index.html"]);
    const { state, result, evicted, words } = request(before, "film.mp4");
    assert.equal(result, "miss");
    assert.deepEqual(evicted, []);
    assert.match(words, /larger than the whole cache/);
    assert.deepEqual(names(state), ["index.html"]);
});

test("a file that has changed is a miss once, and nothing is evicted for it", () => {
    const before = play(32, ["index.html", "style.css"]);
    const { state: changed, words } = change(before, "index.html");
    assert.match(words, /out of date/);
    assert.equal(isStale(changed, changed.entries[1]), true);
    assert.equal(isStale(changed, changed.entries[0]), false);
    const { state, result, evicted } = request(changed, "index.html");
    assert.equal(result, "miss");
    assert.deepEqual(evicted, []);
    assert.deepEqual(names(state), ["index.html", "style.css"]);
    assert.equal(request(state, "index.html").result, "hit");
    assert.match(change(before, "logo.svg").words, /not in the cache/);
});

test("no step changes the state that it began with, so that each can be taken back", () => {
    const state = Object.freeze(play(32, ["index.html", "style.css"]));
    Object.freeze(state.entries);
    const copy = structuredClone(state);
    request(state, "photo.jpg");
    request(state, "index.html");
    change(state, "index.html");
    assert.deepEqual(state, copy);
});

test("whatever is asked for, the cache holds what a naive one holds", () => {
    for (let seed = 1; seed <= 200; seed++) {
        const chance = chances(seed);
        const capacity = CAPACITIES[chance(CAPACITIES.length)];
        let state = begin(capacity);
        // Name to [time of last use, version], looked through from end to end each time.
        const naive = new Map();
        const versions = {};
        let [hits, misses, evictions] = [0, 0, 0];
        for (let time = 0; time < 60; time++) {
            const name = NAMES[chance(NAMES.length)];
            if (chance(8) === 0) {
                versions[name] = (versions[name] ?? 1) + 1;
                state = change(state, name).state;
                continue;
            }
            const version = versions[name] ?? 1;
            if (naive.get(name)?.[1] === version) hits++;
            else {
                misses++;
                naive.delete(name);
                const total = () => [...naive.keys()].reduce((sum, each) => sum + FILES[each], 0);
                while (FILES[name] <= capacity && total() + FILES[name] > capacity) {
                    const [oldest] = [...naive].reduce((one, other) => (one[1][0] < other[1][0] ? one : other));
                    naive.delete(oldest);
                    evictions++;
                }
            }
            if (FILES[name] <= capacity) naive.set(name, [time, version]);
            state = request(state, name).state;
            const expected = [...naive].sort((one, other) => other[1][0] - one[1][0]).map(([each]) => each);
            assert.deepEqual(names(state), expected, `seed ${seed}, step ${time}`);
            assert.ok(used(state) <= capacity);
            assert.deepEqual([state.hits, state.misses, state.evictions], [hits, misses, evictions]);
        }
    }
});

test("a crawler whose round is larger than the cache never hits, though it could", () => {
    const crawl = PATTERNS["a crawler: all files in turn, three times"];
    assert.equal(play(32, crawl).hits, 0);
    assert.ok(bestPossible(crawl, 32) > 5);
    assert.equal(play(64, crawl).hits, 10);
    assert.equal(bestPossible(crawl, 64), 10);
});

test("nobody beats a cache that knows the future, and it is not better than it can be", () => {
    for (const requests of Object.values(PATTERNS)) {
        assert.ok(requests.every((name) => name in FILES));
        for (const capacity of CAPACITIES) {
            const best = bestPossible(requests, capacity);
            assert.ok(play(capacity, requests).hits <= best);
            assert.ok(best <= requests.length - new Set(requests).size);
        }
    }
    // Room for one of the two: keep the one that comes again, let the other pass.
    assert.equal(bestPossible(["index.html", "guide.html", "index.html"], 16), 1);
    assert.equal(play(16, ["index.html", "guide.html", "index.html"]).hits, 0);
    assert.equal(bestPossible(["film.mp4", "film.mp4"], 64), 0);
    assert.equal(bestPossible([], 64), 0);
});
