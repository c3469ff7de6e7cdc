// A failed interleaving, recorded from loom, to go through step by step.
//
// A position is a number of steps that have been taken: 0 is before the first, the number of steps is the end. What is
// said about a position follows from the recorded steps alone, in the words of tests/lanes.
(function () {
    "use strict";

    /** What takes a lock, and what gives it back. */
    const LOCKS = { lock: "unlock", "read lock": "read unlock", "write lock": "write unlock" };
    const isAsleep = (action) => /^wait\b.*, asleep$/.test(action);
    /** An action without the name of what it was done to: `lock` of `lock empty_slots`. */
    const kindOf = (action, kinds) => kinds.find((kind) => action === kind || action.startsWith(`${kind} `));

    const isText = (value) => typeof value === "string" && value !== "";
    const isCount = (value) => Number.isInteger(value) && value >= 0;

    /**
     * What is wrong with the data of a page: no complaint, if nothing is.
     * @param {object} data what stands in the page
     * @returns {string[]} complaints
     */
    function complaints(data) {
        if (typeof data !== "object" || data === null) return ["there is no data"];
        const found = [];
        const expect = (holds, complaint) => void (holds || found.push(complaint));
        for (const name of ["name", "promise", "cause"]) expect(isText(data[name]), `${name} is no text`);
        expect(isCount(data.omitted), "omitted is no number of steps");
        for (const name of ["threads", "steps"]) {
            expect(Array.isArray(data[name]) && data[name].length > 0, `${name} is empty or no list`);
        }
        expect(Array.isArray(data.stuck), "stuck is no list");
        expect(typeof data.files === "object" && data.files !== null, "there are no files");
        if (found.length > 0) return found;
        expect(data.threads.every(isText), "a thread has no name");
        data.steps.forEach((step, index) => {
            const what = `step ${index + 1 + data.omitted}`;
            expect(step.step === index + 1 + data.omitted, `${what} has the number ${step.step}`);
            expect(data.threads[step.thread] !== undefined, `${what} is of no thread`);
            expect(isText(step.action), `${what} has no action`);
            const place = placeOf(data, index);
            expect(place === null || code(data, place), `${what} is at ${place}, which is not there`);
            const earlier = data.steps.slice(0, index).filter(({ thread }) => thread === step.thread);
            expect(!earlier.some(({ action }) => action === "end"), `${what} is of a thread that has ended`);
        });
        for (const { thread, inside, place } of data.stuck) {
            expect(data.threads[thread] !== undefined, "what is stuck is no thread");
            expect(isText(inside), "what is stuck is inside of nothing");
            expect(code(data, place), `what is stuck is at ${place}, which is not there`);
        }
        return found;
    }

    /**
     * Where a button or a key leads to.
     * @param {number} position from where
     * @param {"first" | "previous" | "next" | "last" | number} where
     * @returns {number} a position that exists
     */
    function go(data, position, where) {
        const last = data.steps.length;
        const places = { first: 0, previous: position - 1, next: position + 1, last };
        return Math.min(Math.max(places[where] ?? where, 0), last);
    }

    /** The step that leads to a position; null at the beginning. */
    function stepAt(data, position) {
        return data.steps[position - 1] ?? null;
    }

    /**
     * The line of a step, as `file:line`, or null: giving a lock back has no line of its own. A thread starts on the line
     * that spawned it, and is woken on the line on which it fell asleep.
     */
    function placeOf(data, index) {
        const { action, thread, place } = data.steps[index];
        const before = data.steps.slice(0, index).reverse();
        let cause;
        if (action === "start") cause = before.find((step) => step.action === `spawn ${data.threads[thread]}`);
        const isWoken = action === "woken" || action.startsWith("woken from ");
        if (isWoken) cause = before.find((earlier) => isAsleep(earlier.action) && earlier.thread === thread);
        return cause?.place ?? place;
    }

    /**
     * A line of a file and those around it, moved to the left as far as all of them can be.
     * @returns {{file: string, line: number, lines: {number: number, text: string}[]} | null}
     */
    function code(data, place, around = 4) {
        const [, file, digits] = /^(.+):(\d+)$/.exec(place) ?? [];
        const all = file && Object.hasOwn(data.files, file) ? data.files[file].split("\n") : [];
        const line = Number(digits);
        if (!(line >= 1 && line <= all.length)) return null;
        const from = Math.max(1, line - around);
        const shown = all.slice(from - 1, line + around);
        const indents = shown.filter((text) => text.trim() !== "").map((text) => text.length - text.trimStart().length);
        const indent = Math.min(...indents, Infinity);
        return { file, line, lines: shown.map((text, index) => ({ number: from + index, text: text.slice(indent) })) };
    }

    /**
     * What each thread is doing at a position.
     *
     * `in wait` lasts until the thread's next step: who has been notified must still get the lock back. A thread that
     * waits for a lock shows only if it never gets it, because the lanes have a lock when it is taken.
     * @returns {{is: string, place: string | null}[]} `is`: "not begun", "running", "in ..." (a call that may block),
     *     "panicked" or "ended"; and the last line of it that is known
     */
    function threadStates(data, position) {
        return data.threads.map((name, thread) => {
            const own = data.steps.flatMap((step, index) => (step.thread === thread ? [index] : []));
            const done = own.filter((index) => index < position);
            const next = data.steps[own[done.length]];
            if (done.length === 0) {
                // Steps that are not shown may have begun it. The main thread runs from the beginning.
                const begins = next ? next.action === "start" : data.omitted === 0 && thread > 0;
                return { is: begins ? "not begun" : "running", place: null };
            }
            const { action } = data.steps[done.at(-1)];
            const place = done.map((index) => placeOf(data, index)).findLast((place) => place !== null) ?? null;
            const stuck = !next && data.stuck.find((call) => call.thread === thread);
            if (stuck) return { is: `in ${stuck.inside}`, place: stuck.place };
            if (action === "end") return { is: "ended", place };
            if (position === data.steps.length && panicked(data) === name) return { is: "panicked", place };
            if (isAsleep(action)) return { is: "in wait", place };
            const joined = next?.action.startsWith("join ") && next.action.slice("join ".length);
            if (joined && !hasEnded(data, joined, position)) return { is: `in join ${joined}`, place: next.place };
            return { is: "running", place };
        });
    }

    /** The name of the thread that has panicked, if one has. */
    function panicked(data) {
        return /^in interleaving \d+: (.+) panicked at /.exec(data.cause)?.[1];
    }

    function hasEnded(data, name, position) {
        const done = data.steps.slice(0, position);
        return done.some(({ thread, action }) => action === "end" && data.threads[thread] === name);
    }

    /**
     * Which locks are held at a position. The lanes do not name a lock, they say on which line it was taken. So if a
     * thread holds several, what it gives back is taken to be the one that it took last.
     * @returns {{thread: number, kind: string, place: string | null}[]} in the order in which they were taken
     */
    function locks(data, position) {
        const held = [];
        // The last of this kind that the thread took; undefined if that is in a step that is not shown.
        const giveBack = (thread, kind) => {
            const at = held.findLastIndex((lock) => lock.thread === thread && lock.kind === kind);
            return at < 0 ? undefined : held.splice(at, 1)[0];
        };
        // To fall asleep gives a lock back, and to be woken is to have it again.
        const asleep = new Map();
        data.steps.slice(0, position).forEach(({ thread, action, place }, index) => {
            const kinds = Object.keys(LOCKS);
            const locked = kindOf(action, kinds);
            const unlocked = kinds.find((kind) => LOCKS[kind] === kindOf(action, Object.values(LOCKS)));
            if (locked) held.push({ thread, kind: locked, place });
            else if (unlocked) giveBack(thread, unlocked);
            else if (isAsleep(action)) asleep.set(thread, giveBack(thread, "lock"));
            else if (action === "woken" || action.startsWith("woken from ")) {
                held.push(asleep.get(thread) ?? { thread, kind: "lock", place: placeOf(data, index) });
            }
        });
        return held;
    }

    const model = { complaints, go, stepAt, placeOf, code, threadStates, locks };
    if (typeof module !== "undefined") module.exports = model;
    else herd.models.replay = model;
})();
