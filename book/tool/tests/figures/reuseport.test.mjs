// The figure `reuseport`: where clients are, whatever dies.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const {
    DESIGNS,
    begin,
    deal,
    socketOf,
    sleepers,
    counts,
    connect,
    answer,
    toggleStuck,
    kill,
    respawn,
} = require("../../../src/figures/reuseport/model.js");

/** Numbers that are the same in each run. */
function chances(seed) {
    let state = seed;
    return (below) => {
        state = (state * 1103515245 + 12345) % 2 ** 31;
        return Math.floor((state / 2 ** 31) * below);
    };
}

const many = (state, clients) => Array.from({ length: clients }).reduce((before) => connect(before).state, state);
const stuckHerd = (design, workers) =>
    Array.from({ length: workers }).reduce(
        (state, _, worker) => toggleStuck(state, worker).state,
        begin(design, workers),
    );

/** 200 random steps that a reader could take. Calls `look` with the states before and after each. */
function wander(design, workers, seed, look) {
    const chance = chances(seed);
    let state = begin(design, workers);
    for (let step = 0; step < 200; step += 1) {
        const worker = chance(workers);
        const possible = state.workers[worker].alive
            ? [connect, connect, connect, answer, toggleStuck, kill]
            : [respawn, connect];
        const chosen = possible[chance(possible.length)];
        const before = structuredClone(state);
        const next = chosen(state, worker).state;
        assert.deepEqual(state, before, `${chosen.name} must not change the state that it is given`);
        look(state, next, chosen, worker);
        state = next;
    }
}

const EVERYWHERE = Object.keys(DESIGNS).flatMap((design) => [2, 3, 4].map((workers) => [design, workers]));

test("each client is in one place, and no place is invented", () => {
    for (const [design, workers] of EVERYWHERE) {
        wander(design, workers, 7 * workers, (_, state) => {
            const { came, ...places } = counts(state);
            assert.equal(
                Object.values(places).reduce((sum, place) => sum + place),
                came,
                JSON.stringify(state),
            );
            const seen = [...state.sockets, ...state.workers.map(({ serving }) => serving)].flat();
            assert.equal(new Set(seen).size, seen.length, "a client is in two places");
        });
    }
});

test("a client in a backlog is lost only where the socket dies with its worker", () => {
    for (const [design, workers] of EVERYWHERE) {
        let lost = 0;
        wander(design, workers, workers, (_, state) => (lost = state.lostInBacklog));
        assert.equal(lost > 0, design === "own", `${design}, ${workers} workers: ${lost} lost`);
    }
});

test("accepted clients are lost with their worker in every design", () => {
    for (const design of Object.keys(DESIGNS)) {
        const busy = many(begin(design, 2), 20);
        const worker = busy.workers.findIndex(({ serving }) => serving.length > 0);
        const held = busy.workers[worker].serving.length;
        const { state, words } = kill(busy, worker);
        assert.equal(counts(state).lostWithWorker, held, design);
        assert.deepEqual(state.workers[worker], { alive: false, stuck: false, serving: [] });
        assert.match(words, new RegExp(`${held} clients that it served: lost`));
    }
});

test("a backlog that the master holds is served by the successor", () => {
    const waiting = many(stuckHerd("held", 2), 10);
    const [first, second] = waiting.sockets.map((backlog) => backlog.length);
    assert.equal(first + second, 10);
    const dead = kill(waiting, 0).state;
    assert.deepEqual(dead.sockets, waiting.sockets);
    assert.deepEqual(dead.group, [0, 1], "new clients still go to the dead worker's socket");
    const more = many(dead, 10);
    assert.ok(more.sockets[0].length > first);
    const { state, words } = respawn(more, 0);
    assert.deepEqual(state.workers[0].serving, more.sockets[0]);
    assert.deepEqual(state.sockets[0], []);
    assert.match(words, new RegExp(`accepts ${more.sockets[0].length} clients`));
    assert.equal(counts(state).lostInBacklog + counts(state).lostWithWorker, 0);
});

test("a socket of its own takes its backlog along, and leaves the others more", () => {
    const waiting = many(stuckHerd("own", 3), 12);
    const { state, words } = kill(waiting, 0);
    const gone = waiting.sockets[0].length;
    assert.equal(state.lostInBacklog, gone);
    assert.match(words, new RegExp(`${gone} clients in the backlog: reset`));
    assert.deepEqual(state.sockets[0], []);
    assert.deepEqual(state.group, [2, 1], "the last one fills the hole, as in the kernel");
    assert.deepEqual(kill(waiting, 2).state.group, [0, 1]);
    const more = many(state, 30);
    assert.deepEqual(more.sockets[0], [], "nobody is dealt to a closed socket");
    const born = respawn(more, 0).state;
    assert.deepEqual([born.group, born.workers[0].serving], [[2, 1, 0], []]);
});

test("where nobody listens, a client is refused", () => {
    const none = kill(kill(begin("own", 2), 0).state, 1).state;
    const { state, words } = connect(none);
    assert.equal(counts(state).refused, 1);
    assert.match(words, /refuses/);
    assert.equal(counts(connect(kill(kill(begin("held", 2), 0).state, 1).state).state).waiting, 1);
});

test("all who sleep wake for one client, but for EPOLLEXCLUSIVE", () => {
    for (const workers of [2, 3, 4]) {
        const one = connect(begin("herd", workers));
        assert.equal(one.state.wokenForNothing, workers - 1);
        assert.match(one.words, new RegExp(`${workers} woke.*${workers - 1} found nothing`));
        assert.equal(many(begin("herd", workers), 10).wokenForNothing, 10 * (workers - 1));
    }
    const ten = many(begin("exclusive", 4), 10);
    assert.equal(ten.wokenForNothing, 0);
    assert.deepEqual(
        ten.workers.map(({ serving }) => serving.length),
        [10, 0, 0, 0],
        "the first in the list has all",
    );
    const stuck = toggleStuck(begin("herd", 4), 1).state;
    assert.deepEqual(sleepers(stuck), [0, 2, 3]);
    assert.equal(connect(stuck).state.wokenForNothing, 2);
    const next = connect(toggleStuck(begin("exclusive", 4), 0).state).state;
    assert.equal(next.workers[1].serving.length, 1);
});

test("with one backlog an idle neighbor takes what a stuck worker cannot; with two it waits", () => {
    for (const [design, waits] of [
        ["herd", 0],
        ["exclusive", 0],
        ["own", 1],
        ["held", 1],
    ]) {
        const state = many(toggleStuck(begin(design, 2), 0).state, 20);
        assert.equal(counts(state).waiting > 0, waits === 1, design);
        assert.equal(state.workers[0].serving.length, 0);
    }
});

test("all wait where all are stuck, and who goes on takes its backlog", () => {
    for (const [design, workers] of EVERYWHERE) {
        const waiting = many(stuckHerd(design, workers), 10);
        assert.equal(counts(waiting).waiting, 10);
        const mine = waiting.sockets[socketOf(waiting, 1)];
        const { state } = toggleStuck(waiting, 1);
        assert.deepEqual(state.workers[1], { alive: true, stuck: false, serving: mine });
        assert.equal(counts(state).waiting, 10 - mine.length);
    }
});

test("workers answer all they serve, and the stuck ones nobody", () => {
    const busy = many(begin("held", 2), 20);
    const [first, second] = busy.workers.map(({ serving }) => serving.length);
    const { state, words } = answer(toggleStuck(busy, 1).state);
    assert.deepEqual([counts(state).answered, counts(state).served], [first, second]);
    assert.match(words, new RegExp(`${first} clients answered`));
});

test("a port is dealt to the same socket as long as the group does not change, and evenly", () => {
    for (const count of [2, 3, 4]) {
        const dealt = Array.from({ length: count }, () => 0);
        for (let port = 1024; port < 61024; port += 1) {
            const socket = deal(port, count);
            assert.equal(socket, deal(port, count));
            assert.equal(Math.floor(deal(port, 2 * count) / 2), socket, "scaled, not divided");
            dealt[socket] += 1;
        }
        for (const share of dealt) assert.ok(Math.abs((share * count) / 60000 - 1) < 0.02, dealt.join(" "));
    }
    const moved = Array.from({ length: 1000 }, (_, port) => deal(port, 4) !== deal(port, 3)).filter(Boolean);
    assert.ok(moved.length > 500, "a group of another size deals most ports otherwise");
});
