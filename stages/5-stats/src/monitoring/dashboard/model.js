// What the dashboard says, computed from what /stats has said: no drawing here, so that it can be tested without a
// browser.
(function () {
    "use strict";

    /** How far back the lines go, in milliseconds. */
    const WINDOW = 120000;
    /** How long a death is shown, in milliseconds: its successor is there within a few. */
    const MOURNING = 5000;
    /** Polls without a refusal after which the refusals are over. */
    const CALM = 3;

    /** What is known before the first answer. */
    function begin() {
        return { samples: [], deaths: {}, refusing: 0, refusedBefore: 0, calm: 0, rolling: false, awaySince: null };
    }

    /**
     * Takes in an answer of /stats.
     * @param {object} known what `begin` or this returned last
     * @param {number} now in milliseconds, of any clock that does not go back
     * @param {object} stats the answer
     * @returns {{known: object, events: {kind: "good" | "bad" | "", text: string}[]}} what has happened since
     */
    function answered(known, now, stats) {
        const last = known.samples.at(-1);
        const events = [];
        if (known.awaySince !== null) events.push({ kind: "good", text: "the server is back" });
        if (last && stats.total.requests < last.stats.total.requests) {
            events.push({ kind: "", text: "the herd was restarted" });
            return { known: { ...begin(), samples: [{ now, stats }] }, events };
        }
        const next = { ...known, awaySince: null, deaths: { ...known.deaths } };
        next.samples = [...known.samples.filter((sample) => now - sample.now <= WINDOW), { now, stats }];
        if (last) {
            events.push(...workerEvents(next, last.stats, stats, now));
            events.push(...refusalEvents(next, last.stats, stats));
        }
        return { known: next, events };
    }

    /** There was no answer. */
    function unanswered(known, now) {
        if (known.awaySince !== null) return { known, events: [] };
        return { known: { ...known, awaySince: now }, events: [{ kind: "bad", text: "the server does not answer" }] };
    }

    /** Deaths, successors and replacements; writes them into `next`. */
    function workerEvents(next, before, after, now) {
        const events = [];
        let replaced = false;
        for (const worker of after.workers) {
            const old = before.workers.find(({ slot }) => slot === worker.slot);
            if (!old) continue;
            const name = `slot ${worker.slot}`;
            const died = worker.restarts > old.restarts || (worker.pid === 0 && old.pid !== 0);
            if (died && old.pid !== 0) {
                next.deaths[worker.slot] = { at: now, pid: old.pid };
                events.push({ kind: "bad", text: `${name}: worker ${old.pid} has died` });
            }
            if (worker.pid !== 0 && worker.pid !== old.pid) {
                const isSuccessor = died || old.pid === 0;
                if (!isSuccessor) replaced = true;
                if (!isSuccessor && !next.rolling) events.push({ kind: "", text: "a roll has begun" });
                if (!isSuccessor) next.rolling = true;
                const words = isSuccessor ? "takes its place" : `takes over from ${old.pid}`;
                events.push({ kind: "good", text: `${name}: worker ${worker.pid} ${words}` });
            }
        }
        const drains = after.workers.some((worker) => worker.draining_pid !== null);
        if (next.rolling && !drains && !replaced) {
            next.rolling = false;
            events.push({ kind: "good", text: "the roll is over" });
        }
        return events;
    }

    /** Refusals begin with the first one, and end when there were none for a while; writes that into `next`. */
    function refusalEvents(next, before, after) {
        const refused = after.total.rejections - before.total.rejections;
        if (refused > 0) {
            next.calm = 0;
            if (next.refusing) return [];
            next.refusing = 1;
            next.refusedBefore = before.total.rejections;
            return [{ kind: "bad", text: "refusals have begun: the queue is full, or too slow" }];
        }
        if (!next.refusing || ++next.calm < CALM) return [];
        next.refusing = 0;
        const count = after.total.rejections - next.refusedBefore;
        return [{ kind: "good", text: `refusals have ended: ${count} in all` }];
    }

    /** The last two samples, or the last one twice. */
    function lastTwo({ samples }) {
        const now = samples.at(-1);
        return [samples.at(-2) ?? now, now];
    }

    /** How much a counter grows, each second, between two samples. `of` picks it from the answer. */
    function rate([before, after], of) {
        const seconds = (after.now - before.now) / 1000;
        return seconds > 0 ? Math.max(0, of(after.stats) - of(before.stats)) / seconds : 0;
    }

    /** The share of hits among the look-ups since `before`; null if there was none. */
    function hitRate(before, after) {
        const hits = after.cache_hits - before.cache_hits;
        const all = hits + after.cache_misses - before.cache_misses;
        return all > 0 ? hits / all : null;
    }

    /** The durations of what was answered between two samples. */
    function durations([before, after]) {
        return after.stats.total.durations.map(({ up_to_seconds, count }, index) => ({
            up_to_seconds,
            count: count - before.stats.total.durations[index].count,
        }));
    }

    /**
     * The bound below which this share of the requests lies: all that a histogram can say.
     * @returns {number | null | undefined} in seconds; null: beyond the last bound; undefined: there is no request
     */
    function percentile(buckets, share) {
        const all = buckets.reduce((sum, { count }) => sum + count, 0);
        if (all === 0) return undefined;
        let seen = 0;
        return buckets.find(({ count }) => (seen += count) >= share * all).up_to_seconds;
    }

    /** One value for each pair of neighboring samples, with its age. */
    function line({ samples }, value) {
        const now = samples.at(-1)?.now;
        return samples.slice(1).map((after, index) => ({ age: now - after.now, value: value([samples[index], after]) }));
    }

    /** A worker's condition: "dead", "draining" or "serving", and for how long it has been dead. */
    function condition(known, worker, now) {
        const death = known.deaths[worker.slot];
        const mourned = death && now - death.at < MOURNING;
        if (worker.pid === 0 || mourned) return { is: "dead", pid: death?.pid, at: death?.at };
        return { is: worker.draining_pid === null ? "serving" : "draining" };
    }

    const model = {
        WINDOW, begin, answered, unanswered, lastTwo, rate, hitRate, durations, percentile, line, condition,
    };
    if (typeof module !== "undefined") module.exports = model;
    else globalThis.model = model;
})();
