// A cache that forgets what was not used for the longest time, with a capacity in bytes, by the rules of the part
// `cache`: a hit makes an entry the most recently used; what comes in evicts from the other end until it fits; what is
// larger than the whole cache is not kept; what has changed on disk is removed and loaded again.
(function () {
    "use strict";

    /** What lies on the disk, in KiB. */
    const FILES = {
        "index.html": 8,
        "style.css": 4,
        "logo.svg": 4,
        "guide.html": 16,
        "photo.jpg": 24,
        "film.mp4": 80,
    };
    const CAPACITIES = [16, 32, 64];

    /** Requests that somebody may make. */
    const SCAN = ["index.html", "style.css", "logo.svg", "guide.html", "photo.jpg"];
    const PATTERNS = {
        "one page and its parts, by three visitors": repeat(["index.html", "style.css", "logo.svg"], 3),
        "a crawler: all files in turn, three times": repeat(SCAN, 3),
        "visitors, and a crawler between them": [
            "index.html",
            "style.css",
            "index.html",
            "guide.html",
            "index.html",
            "photo.jpg",
            "index.html",
            "style.css",
            "guide.html",
            "index.html",
            "logo.svg",
            "index.html",
        ],
        "a film between two pages": ["index.html", "film.mp4", "index.html", "film.mp4", "index.html"],
    };

    function repeat(list, times) {
        return Array.from({ length: times }, () => list).flat();
    }

    /**
     * An empty cache.
     * @param {number} capacity in KiB
     * @returns {object} a state; none is ever changed, each step makes a new one
     */
    function begin(capacity) {
        return { capacity, entries: [], versions: {}, hits: 0, misses: 0, evictions: 0 };
    }

    /** KiB in use. */
    function used({ entries }) {
        return entries.reduce((sum, { name }) => sum + FILES[name], 0);
    }

    /**
     * Somebody asks for a file.
     * @returns {{state: object, result: "hit" | "miss", evicted: string[], words: string}}
     */
    function request(state, name) {
        const version = state.versions[name] ?? 1;
        const entry = state.entries.find((entry) => entry.name === name);
        const others = state.entries.filter((other) => other !== entry);
        if (entry && entry.version === version) {
            const wasFirst = state.entries[0] === entry;
            const moved = wasFirst ? "It is the most recently used already" : "It becomes the most recently used";
            const next = { ...state, entries: [entry, ...others], hits: state.hits + 1 };
            return { state: next, result: "hit", evicted: [], words: `${name}: hit. ${moved}.` };
        }
        const why = entry ? "the file has changed since it was read, so the entry goes" : "it is not there";
        const size = FILES[name];
        const missed = { ...state, entries: others, misses: state.misses + 1 };
        if (size > state.capacity) {
            const words = `${name}: miss, ${why}. It is larger than the whole cache, so it is sent from the disk and not kept.`;
            return { state: missed, result: "miss", evicted: [], words };
        }
        const kept = [...others];
        const evicted = [];
        while (used({ entries: kept }) + size > state.capacity) evicted.push(kept.pop().name);
        const next = { ...missed, entries: [{ name, version }, ...kept], evictions: state.evictions + evicted.length };
        const gone = evicted.length
            ? ` To make room for ${size} KiB, ${evicted.join(", ")} must go.`
            : " There is room.";
        return { state: next, result: "miss", evicted, words: `${name}: miss, ${why}.${gone}` };
    }

    /** Somebody writes a file. The cache does not know yet. */
    function change(state, name) {
        const version = (state.versions[name] ?? 1) + 1;
        const cached = state.entries.some((entry) => entry.name === name);
        const effect = cached ? "The entry is out of date; the next request finds out" : "It is not in the cache";
        const next = { ...state, versions: { ...state.versions, [name]: version } };
        return { state: next, words: `${name} has changed on disk. ${effect}.` };
    }

    /** Whether an entry is older than its file. */
    function isStale(state, { name, version }) {
        return version !== (state.versions[name] ?? 1);
    }

    /**
     * The most hits that any cache could have had which knows the future (L. A. Belady, "A study of replacement
     * algorithms for a virtual-storage computer", 1966, for pages of one size). Files differ in size, so all contents
     * that a cache could have are tried, request by request.
     * @param {string[]} requests
     * @param {number} capacity in KiB
     */
    function bestPossible(requests, capacity) {
        const names = Object.keys(FILES);
        const weight = (contents) =>
            names.reduce((sum, name, bit) => sum + (contents & (1 << bit) ? FILES[name] : 0), 0);
        // Contents, as a set of bits, and the most hits with which one can come to have them.
        let best = new Map([[0, 0]]);
        for (const name of requests) {
            const bit = 1 << names.indexOf(name);
            const next = new Map();
            const offer = (contents, hits) => void (hits > (next.get(contents) ?? -1) && next.set(contents, hits));
            for (const [contents, hits] of best) {
                if (contents & bit) offer(contents, hits + 1);
                else {
                    const all = contents | bit;
                    for (let some = all; ; some = (some - 1) & all) {
                        if (weight(some) <= capacity) offer(some, hits);
                        if (some === 0) break;
                    }
                }
            }
            best = next;
        }
        return Math.max(...best.values());
    }

    const model = { FILES, CAPACITIES, PATTERNS, begin, used, request, change, isStale, bestPossible };
    if (typeof module !== "undefined") module.exports = model;
    else herd.models.lru = model;
})();
