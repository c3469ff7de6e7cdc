// A queue with a bound before a number of threads: what the theory says in the long run, and what happens by chance.
//
// Requests come at random, independent of each other (a Poisson process), take a random time each (exponentially
// distributed), and are refused when all threads are busy and all slots taken. Queueing theory calls this M/M/c/K, with
// c threads and K = c + slots places (Kleinrock, "Queueing Systems", volume 1, 1975, section 3.6 and its neighbors).
(function () {
    "use strict";

    /**
     * @typedef {object} Setting
     * @property {number} rate requests that come, per second
     * @property {number} threads threads that serve
     * @property {number} milliseconds how long a request takes, on average
     * @property {number} slots requests that may wait
     */

    /** What can be served per second, if the threads are never idle. */
    function capacity({ threads, milliseconds }) {
        return (threads * 1000) / milliseconds;
    }

    /**
     * How likely it is, in the long run, that n requests are inside, for n from 0 to K.
     *
     * Between n and n + 1 the server goes up as often as down: p(n) * rate = p(n + 1) * (threads that are busy) / time.
     * So each probability follows from the one before. In logarithms, because 2,000 factors leave the range of numbers.
     */
    function probabilities({ rate, threads, milliseconds, slots }) {
        const logs = [0];
        for (let inside = 1; inside <= threads + slots; inside++) {
            const done = (Math.min(inside, threads) * 1000) / milliseconds;
            logs.push(logs.at(-1) + Math.log(rate / done));
        }
        const highest = logs.reduce((one, other) => Math.max(one, other));
        const weights = logs.map((log) => Math.exp(log - highest));
        const sum = weights.reduce((one, other) => one + other);
        return weights.map((weight) => weight / sum);
    }

    /**
     * What the theory says of the long run.
     * @param {Setting} setting
     * @returns {{refused: number, served: number, waiting: number, busy: number, wait: number, half: number, most: number}}
     *     share of requests refused; served per second; how many wait, on average; share of the threads that is busy;
     *     mean wait of those served, in ms; and the waits that 50 % and 99 % of them do not exceed, in ms
     */
    function theory(setting) {
        const { rate, threads } = setting;
        const inside = probabilities(setting);
        const refused = inside.at(-1);
        const served = rate * (1 - refused);
        const waiting = inside.reduce((sum, probability, n) => sum + Math.max(0, n - threads) * probability, 0);
        return {
            refused,
            served,
            waiting,
            busy: served / capacity(setting),
            // Little's law: how many wait = how many are let in per second * how long each waits.
            wait: (1000 * waiting) / served,
            half: longestWait(setting, inside, 0.5),
            most: longestWait(setting, inside, 0.99),
        };
    }

    /** The wait that this share of those who are let in does not exceed, in ms. */
    function longestWait(setting, inside, share) {
        // Who comes finds the server as it is on average (Wolff, "Poisson arrivals see time averages", 1982).
        const letIn = 1 - inside.at(-1);
        const exceeds = (seconds) => {
            // Who finds w waiting leaves the queue at the (w + 1)th request done from now on, and these come by
            // `capacity` per second: so the wait exceeds t if at most w are done until t.
            const expected = capacity(setting) * seconds;
            let [term, atMost, sum] = [-expected, 0, 0];
            for (let ahead = 0; ahead < setting.slots; ahead++) {
                atMost += Math.exp(term);
                sum += (inside[setting.threads + ahead] / letIn) * atMost;
                term += Math.log(expected / (ahead + 1));
            }
            return sum;
        };
        if (exceeds(1e-12) <= 1 - share) return 0;
        let [low, high] = [0, 1e-3];
        while (exceeds(high) > 1 - share) high *= 2;
        for (let halving = 0; halving < 60; halving++) {
            const middle = (low + high) / 2;
            if (exceeds(middle) > 1 - share) low = middle;
            else high = middle;
        }
        return 1000 * high;
    }

    /** Numbers from 0 to 1 that look random and are the same for the same seed (mulberry32). */
    function random(seed) {
        let state = seed >>> 0;
        return () => {
            state = (state + 0x6d2b79f5) >>> 0;
            let mixed = Math.imul(state ^ (state >>> 15), state | 1);
            mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
            return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
        };
    }

    /**
     * What happens by chance, from an empty server on.
     * @param {Setting} setting
     * @param {{seconds: number, seed: number, points?: number}} run how long, which chances, and how many points of the
     *     time line to keep
     * @returns as `theory`, and `refusals`, how many; and `line`: for each point its time, the longest queue since the
     *     point before, and the requests refused since then
     */
    function simulate(setting, { seconds, seed, points = 200 }) {
        const { rate, threads, milliseconds, slots } = setting;
        const chance = random(seed);
        const queue = [];
        const waits = [];
        const line = [];
        let [now, busy, came, turnedAway, done, waited, worked] = [0, 0, 0, 0, 0, 0, 0];
        let [longest, refusals] = [0, 0];
        for (;;) {
            // Exponential times forget the past: whatever is next comes after a time with the sum of all rates.
            const leaving = (busy * 1000) / milliseconds;
            const step = -Math.log(1 - chance()) / (rate + leaving);
            while (line.length < points && now + step >= ((line.length + 1) * seconds) / points) {
                line.push({ seconds: ((line.length + 1) * seconds) / points, longest, refusals });
                [longest, refusals] = [queue.length, 0];
            }
            const until = Math.min(step, seconds - now);
            waited += queue.length * until;
            worked += busy * until;
            now += step;
            if (now >= seconds) break;
            if (chance() * (rate + leaving) < rate) {
                came++;
                if (busy < threads) {
                    busy++;
                    waits.push(0);
                } else if (queue.length < slots) {
                    queue.push(now);
                    longest = Math.max(longest, queue.length);
                } else {
                    turnedAway++;
                    refusals++;
                }
            } else {
                done++;
                if (queue.length > 0) waits.push(now - queue.shift());
                else busy--;
            }
        }
        waits.sort((one, other) => one - other);
        const at = (share) => 1000 * (waits[Math.min(waits.length - 1, Math.floor(share * waits.length))] ?? 0);
        const mean = waits.reduce((sum, wait) => sum + wait, 0) / (waits.length || 1);
        return {
            refused: came ? turnedAway / came : 0,
            served: done / seconds,
            waiting: waited / seconds,
            busy: worked / seconds / threads,
            wait: 1000 * mean,
            half: at(0.5),
            most: at(0.99),
            refusals: turnedAway,
            line,
        };
    }

    /** Settings worth a look. */
    const PRESETS = {
        calm: { rate: 400, threads: 8, milliseconds: 10, slots: 100 },
        "just full": { rate: 800, threads: 8, milliseconds: 10, slots: 100 },
        "four times too many": { rate: 3200, threads: 8, milliseconds: 10, slots: 100 },
        "the same, a long queue": { rate: 3200, threads: 8, milliseconds: 10, slots: 1000 },
        "the same, hardly a queue": { rate: 3200, threads: 8, milliseconds: 10, slots: 5 },
    };

    const model = { PRESETS, capacity, probabilities, theory, simulate };
    if (typeof module !== "undefined") module.exports = model;
    else herd.models.backpressure = model;
})();
