// Who gets a connection, and who loses it when a worker dies: a listening socket for all workers, or one for each.
(function () {
    "use strict";

    /**
     * How workers come to their connections.
     * `shared`: there is one socket and one backlog for all. `exclusive`: the kernel wakes one waiter, not all.
     * `held`: the master has a descriptor of each socket, so that a worker's death closes none.
     */
    const DESIGNS = {
        herd: { words: "one socket, all wake", shared: true, exclusive: false, held: true },
        exclusive: { words: "one socket, EPOLLEXCLUSIVE", shared: true, exclusive: true, held: true },
        own: { words: "a socket for each, held by its worker", shared: false, held: false },
        held: { words: "a socket for each, held by the master too", shared: false, held: true },
    };
    const FIRST_PORT = 40001;

    /**
     * A herd that has just started. Its slots are numbered from 0, and `sockets[0]` is the only one if it is shared.
     * `group` lists the open sockets in the kernel's order.
     * @param {keyof DESIGNS} design
     * @param {number} workers
     * @returns {object} a state; none is ever changed, each step makes a new one
     */
    function begin(design, workers) {
        const numbers = Array.from({ length: DESIGNS[design].shared ? 1 : workers }, (_, index) => index);
        return {
            design,
            workers: Array.from({ length: workers }, () => ({ alive: true, stuck: false, serving: [] })),
            sockets: numbers.map(() => []),
            group: numbers,
            nextPort: FIRST_PORT,
            answered: 0,
            refused: 0,
            lostInBacklog: 0,
            lostWithWorker: 0,
            wokenForNothing: 0,
        };
    }

    /** 32 bits that look like chance, and are always the same for one port (the last step of MurmurHash3). */
    function hash(port) {
        let bits = Math.imul(port ^ (port >>> 16), 0x85ebca6b);
        bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
        return (bits ^ (bits >>> 16)) >>> 0;
    }

    /**
     * Which of `count` things a port is dealt to. Linux scales the hash in this way, and does not divide
     * (`reciprocal_scale`, used in net/core/sock_reuseport.c).
     */
    function deal(port, count) {
        return Math.floor((hash(port) * count) / 2 ** 32);
    }

    /** The socket whose backlog a worker accepts from. */
    function socketOf({ design }, worker) {
        return DESIGNS[design].shared ? 0 : worker;
    }

    /** Numbers of the workers that sleep in epoll until there is something to accept. */
    function sleepers(state) {
        return [...state.workers.keys()].filter((index) => state.workers[index].alive && !state.workers[index].stuck);
    }

    function replace(list, index, item) {
        return list.map((old, position) => (position === index ? item : old));
    }

    /** `worker` takes all who wait in its backlog. */
    function acceptAll(state, worker) {
        const socket = socketOf(state, worker);
        const { serving } = state.workers[worker];
        const busy = { ...state.workers[worker], serving: [...serving, ...state.sockets[socket]] };
        return { ...state, sockets: replace(state.sockets, socket, []), workers: replace(state.workers, worker, busy) };
    }

    /**
     * A client connects, from a port that none had before it.
     * @returns {{state: object, words: string}}
     */
    function connect(before) {
        const port = before.nextPort;
        const state = { ...before, nextPort: port + 1 };
        if (state.group.length === 0) {
            return {
                state: { ...state, refused: state.refused + 1 },
                words: `Client ${port}: nobody listens, so the kernel refuses the connection.`,
            };
        }
        const { shared, exclusive } = DESIGNS[state.design];
        const socket = state.group[deal(port, state.group.length)];
        const queued = { ...state, sockets: replace(state.sockets, socket, [...state.sockets[socket], port]) };
        const awaited = sleepers(state).filter((worker) => socketOf(state, worker) === socket);
        const dealt = shared ? `Client ${port}` : `Client ${port}: the hash chooses socket ${socket + 1}`;
        if (awaited.length === 0) {
            const why = shared ? "nobody can accept" : `nobody accepts from it now`;
            return { state: queued, words: `${dealt}: ${why}. The client waits in the backlog.` };
        }
        if (!shared) return { state: acceptAll(queued, socket), words: `${dealt}. Worker ${socket + 1} accepts.` };
        // With EPOLLEXCLUSIVE the first sleeper in the kernel's list wakes; otherwise all do, and one wins the race.
        const winner = exclusive ? awaited[0] : awaited[deal(port, awaited.length)];
        const woken = exclusive ? 1 : awaited.length;
        const taken = acceptAll({ ...queued, wokenForNothing: state.wokenForNothing + woken - 1 }, winner);
        const others = woken > 1 ? ` ${woken - 1} found nothing and go back to sleep.` : "";
        return { state: taken, words: `${dealt}: ${woken} woke. Worker ${winner + 1} accepts.${others}` };
    }

    /** Every worker that is not stuck answers all whom it serves. */
    function answer(state) {
        let answered = 0;
        const workers = state.workers.map((worker) => {
            if (!worker.alive || worker.stuck) return worker;
            answered += worker.serving.length;
            return { ...worker, serving: [] };
        });
        return {
            state: { ...state, workers, answered: state.answered + answered },
            words: `${clients(answered)} answered.`,
        };
    }

    /** A worker gets stuck (it waits for a disk, or in a loop), or goes on. */
    function toggleStuck(state, worker) {
        const { stuck } = state.workers[worker];
        const next = { ...state, workers: replace(state.workers, worker, { ...state.workers[worker], stuck: !stuck }) };
        if (!stuck) return { state: next, words: `Worker ${worker + 1} is stuck: it accepts and answers nobody.` };
        const waiting = next.sockets[socketOf(next, worker)].length;
        const accepts = `accepts ${clients(waiting)} from the backlog`;
        return { state: acceptAll(next, worker), words: `Worker ${worker + 1} goes on, and ${accepts}.` };
    }

    /** A worker dies between two instructions. */
    function kill(state, worker) {
        const held = state.workers[worker].serving.length;
        const dead = { alive: false, stuck: false, serving: [] };
        const next = {
            ...state,
            workers: replace(state.workers, worker, dead),
            lostWithWorker: state.lostWithWorker + held,
        };
        const lost = `Worker ${worker + 1} is dead. ${clients(held)} that it served: lost.`;
        if (DESIGNS[state.design].held)
            return { state: next, words: `${lost} Its socket is open, for the master holds it.` };
        // Linux fills the hole with the last socket of the group.
        const group = state.group.slice(0, -1);
        const hole = state.group.indexOf(worker);
        if (hole < group.length) group[hole] = state.group.at(-1);
        const waiting = state.sockets[worker].length;
        return {
            state: {
                ...next,
                group,
                sockets: replace(state.sockets, worker, []),
                lostInBacklog: state.lostInBacklog + waiting,
            },
            words: `${lost} Its socket closes, and ${clients(waiting)} in the backlog: reset.`,
        };
    }

    /** The master forks a successor. */
    function respawn(state, worker) {
        const alive = { alive: true, stuck: false, serving: [] };
        const next = { ...state, workers: replace(state.workers, worker, alive) };
        if (!DESIGNS[state.design].held) {
            const opened = { ...next, group: [...state.group, worker] };
            return { state: opened, words: `A new worker ${worker + 1} opens a socket. Its backlog is empty.` };
        }
        const waiting = state.sockets[socketOf(state, worker)].length;
        const words = `A new worker ${worker + 1} inherits the socket, and accepts ${clients(waiting)} from the backlog.`;
        return { state: acceptAll(next, worker), words };
    }

    function clients(count) {
        return count === 1 ? "1 client" : `${count} clients`;
    }

    /** How many clients have come, and where each of them is. */
    function counts(state) {
        const sum = (lists) => lists.reduce((total, list) => total + list.length, 0);
        return {
            came: state.nextPort - FIRST_PORT,
            waiting: sum(state.sockets),
            served: sum(state.workers.map(({ serving }) => serving)),
            answered: state.answered,
            refused: state.refused,
            lostInBacklog: state.lostInBacklog,
            lostWithWorker: state.lostWithWorker,
        };
    }

    const steps = { connect, answer, toggleStuck, kill, respawn };
    const model = { DESIGNS, begin, deal, socketOf, sleepers, counts, ...steps };
    if (typeof module !== "undefined") module.exports = model;
    else herd.models.reuseport = model;
})();
