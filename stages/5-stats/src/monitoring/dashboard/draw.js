// Asks /stats every second and shows what it says.
(() => {
    "use strict";

    /** How often to ask, and how long to wait for an answer, in milliseconds. */
    const PERIOD = 1000;
    const PATIENCE = 3000;
    const EVENTS = 200;

    const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
    const byId = (id) => document.getElementById(id);
    let known = model.begin();

    function element(tag, attributes = {}, ...children) {
        const node = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
        node.append(...children);
        return node;
    }

    async function ask() {
        const began = performance.now();
        try {
            const response = await fetch("stats", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
            if (!response.ok) throw new Error(`status ${response.status}`);
            const stats = await response.json();
            take(model.answered(known, performance.now(), stats));
            draw();
        } catch {
            take(model.unanswered(known, performance.now()));
        }
        drawState();
        setTimeout(ask, Math.max(0, PERIOD - (performance.now() - began)));
    }

    function take({ known: next, events }) {
        known = next;
        for (const { kind, text } of events) {
            const time = new Date().toLocaleTimeString("en-GB");
            byId("events").prepend(element("li", {}, element("time", {}, time), element("span", { class: kind }, text)));
        }
        while (byId("events").children.length > EVENTS) byId("events").lastChild.remove();
    }

    /** Changed only when it must be: a status is read aloud. */
    function drawState() {
        const state = known.awaySince === null ? "serving" : "away";
        document.body.dataset.state = state;
        byId("state").dataset.state = state;
        const words = state === "away" ? "no answer: these numbers are old" : "serving";
        if (byId("state").textContent !== words) byId("state").textContent = words;
    }

    function draw() {
        const pair = model.lastTwo(known);
        const { total, workers } = pair[1].stats;
        drawTotals(pair, total);
        fill(byId("workers"), workers, (worker) => worker.slot, drawWorker);
        drawLines();
        drawDurations();
    }

    /** Keeps the existing nodes, so that a node that is being read or has the focus stays. */
    function fill(list, items, key, drawItem) {
        const old = new Map([...list.children].map((node) => [node.dataset.key, node]));
        const nodes = items.map((item) => {
            const node = old.get(String(key(item))) ?? element(list.tagName === "UL" ? "li" : "div", { "data-key": key(item) });
            drawItem(node, item);
            return node;
        });
        if (nodes.length !== list.children.length || nodes.some((node, at) => list.children[at] !== node)) {
            list.replaceChildren(...nodes);
        }
    }

    function drawTotals(pair, total) {
        const buckets = model.durations([known.samples.findLast(({ now }) => pair[1].now - now >= 10000) ?? known.samples[0], pair[1]]);
        const hits = model.hitRate(known.samples[0].stats.total, total);
        const refused = model.rate(pair, ({ total }) => total.rejections);
        const entries = [
            ["requests per second", whole.format(model.rate(pair, ({ total }) => total.requests))],
            ["median (p50)", duration(model.percentile(buckets, 0.5))],
            ["p99", duration(model.percentile(buckets, 0.99))],
            ["503 per second", whole.format(refused), refused > 0],
            ["connections", whole.format(total.connections_active)],
            ["queued", whole.format(total.queue_depth)],
            ["cache hits", hits === null ? "-" : `${(100 * hits).toFixed(1)}\u00a0%`],
            ["restarts", whole.format(total.restarts), false],
        ];
        fill(byId("totals"), entries, ([name]) => name, (node, [name, value, alarm]) => {
            node.replaceChildren(element("dt", {}, name), element("dd", { class: alarm ? "alarm" : "" }, value));
        });
    }

    function drawWorker(node, worker) {
        const pair = model.lastTwo(known).map(({ now, stats }) => ({
            now,
            stats: stats.workers.find(({ slot }) => slot === worker.slot) ?? worker,
        }));
        const { capacity } = known.samples.at(-1).stats;
        const now = performance.now();
        const { is, pid, at } = model.condition(known, worker, now);
        const up = Math.max(0, Date.now() / 1000 - worker.started_unix_seconds);
        const condition = {
            dead: () => `worker ${pid ?? ""} died ${at === undefined ? "" : `${whole.format((now - at) / 1000)} s ago`}`,
            draining: () => `serving, while worker ${worker.draining_pid} still drains`,
            serving: () => `serving for ${span(up)}`,
        }[is]();
        const hits = model.hitRate(known.samples[0].stats.workers[worker.slot] ?? worker, worker);
        const rate = whole.format(model.rate(pair, ({ requests }) => requests));
        // Idle connections are counted a moment later than they come and go.
        const idle = Math.min(worker.connections_idle, worker.connections_active);
        const refused = worker.rejections ? `${whole.format(worker.rejections)} refused` : "none refused";
        node.dataset.state = is;
        node.replaceChildren(
            element("h3", {}, `Slot ${worker.slot}: ${worker.pid === 0 ? "no worker" : `worker ${worker.pid}`}`),
            element("p", { class: "condition" }, condition),
            element("p", { class: "rate" }, element("strong", {}, rate), " requests per second"),
            gauge("threads", worker.threads_busy, capacity.threads_per_worker, "busy"),
            gauge("queue", worker.queue_depth, capacity.queue_size, "waiting"),
            element("p", {}, `${many(worker.connections_active, "connection")}, ${idle} idle`),
            element("p", {}, `${hits === null ? "no look-ups" : `${(100 * hits).toFixed(1)} % hits`}, ${refused}`),
            element("p", {}, many(worker.restarts, "restart")),
        );
    }

    function gauge(name, value, most, words) {
        const attributes = { min: 0, max: most, low: 0.6 * most, high: 0.9 * most, optimum: 0, value };
        const text = `${value} of ${most}`;
        return element(
            "label",
            { class: "gauge" },
            element("span", {}, name),
            element("meter", { ...attributes, title: `${text} ${words}` }, text),
            element("span", {}, text),
        );
    }

    function drawLines() {
        const lines = [
            ["requests per second", "", (pair) => model.rate(pair, ({ total }) => total.requests)],
            ["refused per second", "bad", (pair) => model.rate(pair, ({ total }) => total.rejections)],
            ["queued requests", "", ([, after]) => after.stats.total.queue_depth],
        ];
        fill(byId("lines"), lines, ([name]) => name, (node, [name, kind, value]) => {
            const points = model.line(known, value);
            const highest = Math.max(0, ...points.map(({ value }) => value));
            const now = points.at(-1)?.value ?? 0;
            const at = ({ age, value }) => {
                const x = 100 - (100 * age) / model.WINDOW;
                return `${x.toFixed(2)},${(39 - (37 * value) / (highest || 1)).toFixed(2)}`;
            };
            const words = `${name}: now ${whole.format(now)}, at most ${whole.format(highest)}`;
            const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
            picture.setAttribute("viewBox", "0 0 100 40");
            picture.setAttribute("preserveAspectRatio", "none");
            picture.setAttribute("aria-hidden", "true");
            const path = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
            path.setAttribute("points", points.map(at).join(" "));
            for (const [attribute, value] of [["fill", "none"], ["stroke", "currentColor"], ["stroke-width", "2"]]) {
                path.setAttribute(attribute, value);
            }
            path.setAttribute("vector-effect", "non-scaling-stroke");
            picture.append(path);
            node.replaceChildren(element("figure", { class: kind }, picture, element("figcaption", {}, words)));
        });
    }

    function drawDurations() {
        const buckets = model.durations([known.samples[0], known.samples.at(-1)]);
        const filled = buckets.map(({ count }, index) => (count > 0 ? index : -1)).filter((index) => index >= 0);
        const shown = filled.length ? buckets.slice(filled[0], filled.at(-1) + 1) : [];
        const highest = Math.max(1, ...shown.map(({ count }) => count));
        const rows = shown.map(({ up_to_seconds, count }) => {
            const bar = element("span", { class: "bar" });
            bar.style.width = `${(100 * count) / highest}%`;
            return element(
                "tr",
                {},
                element("th", { scope: "row" }, duration(up_to_seconds)),
                element("td", {}, bar),
                element("td", { class: "count" }, whole.format(count)),
            );
        });
        byId("durations").tBodies[0].replaceChildren(...rows);
    }

    /** A bound of the histogram: up to so long. */
    function duration(seconds) {
        if (seconds === undefined) return "-";
        if (seconds === null) return "longer";
        return seconds < 1 ? `${+(seconds * 1000).toPrecision(3)} ms` : `${seconds} s`;
    }

    function many(count, name) {
        return `${whole.format(count)} ${name}${count === 1 ? "" : "s"}`;
    }

    function span(seconds) {
        const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
        const [size, name] = units.find(([size]) => seconds >= size) ?? units.at(-1);
        return `${Math.floor(seconds / size)} ${name}`;
    }

    ask();
})();
