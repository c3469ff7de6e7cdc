// Backpressure: sliders, the queue's length over ten seconds, and the theory beside it.
(() => {
    "use strict";

    const CSS = `
        [data-figure="backpressure"] .sliders { display: grid; gap: 0.3em 1em;
            grid-template-columns: repeat(auto-fit, minmax(15em, 1fr)); }
        [data-figure="backpressure"] .sliders label { display: grid; gap: 0 0.4em; }
        [data-figure="backpressure"] .sliders input { width: 100%; }
        [data-figure="backpressure"] .chart { height: 13em; max-height: none; font-size: 15px; }
        [data-figure="backpressure"] .chart .length { fill: none; stroke: var(--busy); stroke-width: 2; }
        [data-figure="backpressure"] .chart .refusals { fill: var(--bad); }
        [data-figure="backpressure"] .chart .edge { stroke: currentColor; opacity: 0.4; stroke-dasharray: 4 4; }
        [data-figure="backpressure"] .chart text { fill: currentColor; }
        [data-figure="backpressure"] .bad { color: var(--bad); }
        [data-figure="backpressure"] .length-word { color: var(--busy); }
    `;
    const SECONDS = 10;
    const SLIDERS = [
        ["rate", "requests that come, per second", 10, 4000, 10],
        ["threads", "threads", 1, 32, 1],
        ["milliseconds", "ms for each request", 1, 50, 1],
        ["slots", "slots in the queue", 0, 1000, 5],
    ];
    const ROWS = [
        ["served per second", (of) => whole(of.served)],
        ["refused with 503", (of) => percent(of.refused)],
        ["wait, on average", (of) => time(of.wait)],
        ["half wait no longer than", (of) => time(of.half)],
        ["99 % wait no longer than", (of) => time(of.most)],
        ["waiting, on average", (of) => (of.waiting < 10 ? of.waiting.toFixed(1) : whole(of.waiting))],
        ["threads busy", (of) => percent(of.busy)],
    ];

    const whole = (number) => number.toLocaleString("en-US", { maximumFractionDigits: 0 });
    const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
    const time = (milliseconds) =>
        milliseconds < 1000
            ? `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`
            : `${(milliseconds / 1000).toFixed(2)} s`;

    herd.figures.backpressure = (figure) => {
        const { button, element, shape } = herd;
        const model = herd.models.backpressure;
        const first = { ...model.PRESETS["just full"], seed: 1 };
        let setting = first;
        let history = [];
        let lastTouched = null;

        const presets = Object.entries(model.PRESETS).map(([name, preset]) =>
            button("preset", name, () => change({ ...preset, seed: setting.seed }, name), { "data-preset": name }),
        );
        const undo = button("undo", "Undo", takeBack);
        const reset = button("reset", "Reset", () => change(first, "reset"));
        const again = button("again", "Ten other seconds", () =>
            change({ ...setting, seed: setting.seed + 1 }, "again"),
        );
        const sliders = SLIDERS.map(([name, words, min, max, step]) => {
            const input = element("input", { type: "range", "data-do": name, min, max, step, oninput: touched });
            // Not an output: a label names the first element in it that can be named, and an output can.
            const output = element("strong");
            function touched() {
                const value = Number(input.value);
                // A drag is many small changes, and one thing to take back.
                if (lastTouched === name) setting = { ...setting, [name]: value };
                else change({ ...setting, [name]: value }, name);
                lastTouched = name;
                draw();
            }
            return {
                name,
                input,
                output,
                label: element("label", {}, element("span", {}, output, ` ${words}`), input),
            };
        });
        const live = herd.live();
        // A unit of the picture is about a pixel, so that its words stay readable on a phone.
        const chartWidth = Math.min(640, Math.max(300, figure.clientWidth - 40));
        const chart = shape("svg", { class: "chart", viewBox: `0 0 ${chartWidth} 220`, role: "img" });
        const legend = element(
            "p",
            {},
            "Ten seconds from an empty queue. ",
            element("span", { class: "length-word" }, "Line: requests that wait."),
            " ",
            element("span", { class: "bad" }, "Bars from above: requests refused."),
        );
        const cells = ROWS.map(([words]) => [element("td"), element("td"), element("th", { scope: "row" }, words)]);
        const table = element(
            "table",
            {},
            element(
                "thead",
                {},
                element(
                    "tr",
                    {},
                    ["", "these ten seconds", "theory, in the long run"].map((name) =>
                        element("th", { scope: "col" }, name),
                    ),
                ),
            ),
            element(
                "tbody",
                {},
                cells.map(([chance, theory, name]) => element("tr", {}, name, chance, theory)),
            ),
        );
        const play = element(
            "div",
            {},
            element("div", { class: "controls" }, presets),
            element(
                "div",
                { class: "sliders" },
                sliders.map(({ label }) => label),
            ),
            element("div", { class: "controls" }, again, undo, reset),
            live,
            chart,
            legend,
            element("div", { class: "scroll" }, table),
        );
        herd.place(figure, CSS, play);
        draw();

        function change(next, what) {
            history.push(setting);
            setting = next;
            lastTouched = what;
            draw();
        }

        function takeBack() {
            setting = history.pop() ?? setting;
            lastTouched = null;
            draw();
        }

        function draw() {
            const chance = model.simulate(setting, { seconds: SECONDS, seed: setting.seed });
            const theory = model.theory(setting);
            for (const { name, input, output } of sliders) {
                input.value = setting[name];
                output.textContent = whole(setting[name]);
            }
            for (const preset of presets) {
                const values = model.PRESETS[preset.dataset.preset];
                preset.setAttribute(
                    "aria-pressed",
                    SLIDERS.every(([name]) => values[name] === setting[name]),
                );
            }
            undo.setAttribute("aria-disabled", history.length === 0);
            cells.forEach(([chanceCell, theoryCell], row) => {
                chanceCell.textContent = ROWS[row][1](chance);
                theoryCell.textContent = ROWS[row][1](theory);
            });
            const most = model.capacity(setting);
            live.textContent =
                `At most ${whole(most)} per second can be served, and ${whole(setting.rate)} come. ` +
                `In the long run ${percent(theory.refused)} are refused, and who is served waits ${time(theory.wait)}.`;
            figure.dataset.state = setting.rate > most ? "overload" : "enough";
            drawChart(chance);
        }

        function drawChart({ line, refusals }) {
            const [left, right, top, bottom] = [46, chartWidth - 6, 12, 196];
            const highest = Math.max(setting.slots, 1);
            const x = (seconds) => left + ((right - left) * seconds) / SECONDS;
            const y = (length) => bottom - ((bottom - top) * length) / highest;
            const busiest = Math.max(1, ...line.map(({ refusals }) => refusals));
            const width = (right - left) / line.length;
            const points = line.map(({ seconds, longest }) => `${x(seconds).toFixed(1)},${y(longest).toFixed(1)}`);
            const text = (x, y, anchor, words) => shape("text", { x, y, "text-anchor": anchor }, words);
            const longest = Math.max(...line.map(({ longest }) => longest));
            chart.setAttribute("aria-label", `At most ${whole(longest)} wait; ${whole(refusals)} are refused.`);
            chart.replaceChildren(
                shape("line", { class: "edge", x1: left, x2: right, y1: y(setting.slots), y2: y(setting.slots) }),
                shape("line", { class: "edge", x1: left, x2: right, y1: bottom, y2: bottom }),
                ...line
                    .filter(({ refusals }) => refusals > 0)
                    .map(({ seconds, refusals }) =>
                        shape("rect", {
                            class: "refusals",
                            x: (x(seconds) - width).toFixed(1),
                            y: top,
                            width: Math.max(1, width - 0.5).toFixed(1),
                            height: (2 + (28 * refusals) / busiest).toFixed(1),
                        }),
                    ),
                shape("polyline", { class: "length", points: points.join(" ") }),
                text(left - 6, y(setting.slots) + 5, "end", whole(setting.slots)),
                text(left - 6, bottom + 4, "end", "0"),
                text(left, bottom + 20, "start", "0 s"),
                text(right, bottom + 20, "end", `${SECONDS} s`),
            );
        }
    };
})();
