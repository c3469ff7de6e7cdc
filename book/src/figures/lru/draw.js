// The cache as a shelf: the most recently used on the left, the next to go on the right.
(() => {
    "use strict";

    const CSS = `
        [data-figure="lru"] .disk { display: grid; gap: 0.4em; list-style: none; margin: 0.5em 0; padding: 0;
            grid-template-columns: repeat(auto-fit, minmax(13em, 1fr)); }
        [data-figure="lru"] .disk li { display: flex; gap: 0.3em; }
        [data-figure="lru"] .disk button:first-child { flex: 1; text-align: left; }
        [data-figure="lru"] .disk small { opacity: 0.8; }
        [data-figure="lru"] .shelf { display: flex; height: 3.2em; margin: 0.4em 0; padding: 0; list-style: none;
            border: 2px solid currentColor; border-radius: 4px; overflow: hidden; }
        [data-figure="lru"] .shelf li { border-right: 2px solid currentColor; background: var(--quote-bg);
            overflow: hidden; white-space: nowrap; text-overflow: ellipsis; padding: 0.1em 0.3em; font-size: 0.8em;
            min-width: 0; margin: 0; }
        [data-figure="lru"] .shelf li.new { background: var(--theme-hover); font-weight: bold; }
        [data-figure="lru"] .shelf li.stale { border-bottom: 4px dashed var(--wait); }
        [data-figure="lru"] .ends { display: flex; justify-content: space-between; font-size: 0.8em; margin: 0; }
        [data-figure="lru"] .counts { display: flex; flex-wrap: wrap; gap: 0.2em 1.5em; margin: 0.5em 0; }
        [data-figure="lru"] .counts strong { font-size: 1.3em; }
        [data-figure="lru"] .hit { color: var(--good); font-weight: bold; }
        [data-figure="lru"] .miss { color: var(--bad); font-weight: bold; }
        [data-figure="lru"] .pattern { font-size: 0.85em; overflow-wrap: anywhere; }
    `;

    herd.figures.lru = (figure) => {
        const { button, choose, element } = herd;
        const model = herd.models.lru;
        const FREE = "my own requests";
        let state, history, told, last, results;

        const capacity = choose(
            "capacity",
            model.CAPACITIES.map((size) => [size, `${size} KiB`]),
            32,
            startAgain,
        );
        const patterns = [FREE, ...Object.keys(model.PATTERNS)];
        const pattern = choose(
            "pattern",
            patterns.map((name) => [name, name]),
            FREE,
            startAgain,
        );
        const next = button("next", "Next request", takeNext);
        const undo = button("undo", "Undo", takeBack);
        const reset = button("reset", "Reset", startAgain);
        const disk = element(
            "ul",
            { class: "disk", "aria-label": "Files on disk" },
            Object.entries(model.FILES).map(([name, size]) =>
                element(
                    "li",
                    {},
                    button(
                        "request",
                        ["Ask for ", element("code", {}, name), element("small", {}, ` ${size} KiB`)],
                        () => take(name),
                    ),
                    button("change", "edit", () => edit(name), { "aria-label": `Change ${name} on disk` }),
                ),
            ),
        );
        const live = herd.live();
        const shelf = element("ol", { class: "shelf", "aria-label": "The cache, the most recently used first" });
        const room = element("p", { class: "ends" });
        const counts = element("p", { class: "counts" });
        const story = element("p", { class: "pattern" });
        const play = element(
            "div",
            {},
            element(
                "div",
                { class: "controls" },
                element("label", {}, "Capacity: ", capacity),
                element("label", {}, "Requests: ", pattern),
                next,
                undo,
                reset,
            ),
            disk,
            live,
            shelf,
            room,
            counts,
            story,
        );
        herd.place(figure, CSS, play);
        startAgain();

        function startAgain() {
            history = [];
            results = [];
            last = null;
            state = model.begin(Number(capacity.value));
            told = "The cache is empty.";
            draw();
        }

        function keep() {
            history.push({ state, results, last });
        }

        function take(name) {
            keep();
            const taken = model.request(state, name);
            state = taken.state;
            told = taken.words;
            last = name;
            results = [...results, taken.result];
            draw();
        }

        function edit(name) {
            keep();
            const changed = model.change(state, name);
            state = changed.state;
            told = changed.words;
            last = null;
            draw();
        }

        function takeNext() {
            const requests = model.PATTERNS[pattern.value];
            const name = requests?.[results.length];
            if (name) return take(name);
            told = requests ? "That was the last request." : "Choose requests, or ask for a file yourself.";
            draw();
        }

        function takeBack() {
            const before = history.pop();
            told = before ? "Taken back." : "There is nothing to take back.";
            if (before) ({ state, results, last } = before);
            draw();
        }

        function draw() {
            const requests = model.PATTERNS[pattern.value];
            live.textContent = told;
            undo.setAttribute("aria-disabled", history.length === 0);
            next.setAttribute("aria-disabled", !requests?.[results.length]);
            shelf.replaceChildren(
                ...state.entries.map((entry) => {
                    const stale = model.isStale(state, entry);
                    const size = model.FILES[entry.name];
                    const attributes = {
                        class: `${entry.name === last ? "new" : ""} ${stale ? "stale" : ""}`,
                        style: `width: ${(100 * size) / state.capacity}%`,
                        title: `${entry.name}, ${size} KiB${stale ? ", out of date" : ""}`,
                    };
                    return element("li", attributes, entry.name, element("br"), stale ? "out of date" : `${size} KiB`);
                }),
            );
            const full = model.used(state);
            const victim = state.entries.at(-1)?.name;
            room.replaceChildren(
                element("span", {}, `${full} of ${state.capacity} KiB used`),
                element("span", {}, victim ? `next to go: ${victim}` : "nothing to evict"),
            );
            const all = state.hits + state.misses;
            const rate = all ? `${Math.round((100 * state.hits) / all)} %` : "-";
            const count = (value, words) => element("span", {}, element("strong", {}, value), ` ${words}`);
            counts.replaceChildren(
                count(state.hits, "hits"),
                count(state.misses, "misses"),
                count(state.evictions, "evictions"),
                count(rate, "of the requests are hits"),
            );
            drawStory(requests);
            figure.dataset.state = `${state.hits} hits, ${state.misses} misses`;
        }

        /** What was asked for and what comes, with the results so far. */
        function drawStory(requests) {
            if (!requests) return story.replaceChildren();
            const parts = requests.flatMap((name, index) => {
                const result = results[index];
                return [element("span", { class: result ?? "" }, result ? `${name} ${result}` : name), ", "];
            });
            const over = results.length >= requests.length;
            const best = model.bestPossible(requests, state.capacity);
            const end = `LRU had ${state.hits} hits. A cache that knows the future could have ${best}.`;
            story.replaceChildren(...parts.slice(0, -1), ". ", over ? element("strong", {}, end) : "");
        }
    };
})();
