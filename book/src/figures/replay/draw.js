// A failed interleaving: the lanes, the line of code, and what each thread is doing, forwards and backwards.
(() => {
    "use strict";

    const CSS = `
        [data-figure="replay"] .states { list-style: none; padding: 0; margin: 0.5em 0; }
        [data-figure="replay"] .states li {
            border-left: 4px solid var(--table-border-color); padding: 0.1em 0.6em; margin: 0.2em 0;
        }
        [data-figure="replay"] .states [data-is="in"] { border-left: 4px dashed var(--wait); }
        [data-figure="replay"] .states [data-is="panicked"] { border-left-color: var(--bad); }
        [data-figure="replay"] .states [data-is="ended"] { border-left-color: var(--good); }
        [data-figure="replay"] .states [aria-current] { border-left-color: var(--busy); background: var(--quote-bg); }
        [data-figure="replay"] .source { margin: 0.3em 0; padding: 0.4em 0; font-size: 0.8em; min-height: 15em; }
        [data-figure="replay"] .source span {
            display: block; min-width: max-content; padding-right: 0.5em; line-height: 1.55;
        }
        [data-figure="replay"] .source [aria-current] { background: var(--theme-hover); font-weight: bold; }
        [data-figure="replay"] .cause {
            border: 2px solid var(--bad); border-radius: 6px; padding: 0.3em 0.8em; margin: 0.5em 0;
        }
        [data-figure="replay"] .cause pre { white-space: pre-wrap; margin: 0.3em 0; background: none; padding: 0; }
        [data-figure="replay"] .lanes {
            max-height: 17em; overflow: auto; position: relative; border: 1px solid var(--table-border-color);
        }
        [data-figure="replay"] .lanes table { margin: 0; width: 100%; font-size: 0.8em; }
        [data-figure="replay"] .lanes :is(td, th) { padding: 0.1em 0.6em; text-align: left; }
        [data-figure="replay"] .lanes thead { position: sticky; top: 0; }
        [data-figure="replay"] .lanes tbody tr { cursor: pointer; }
        [data-figure="replay"] .lanes [aria-current] {
            outline: 2px solid var(--links); outline-offset: -2px; font-weight: bold;
        }
        [data-figure="replay"] .lanes .later { opacity: 0.5; }
        [data-figure="replay"] .lanes .thread { display: none; }
        [data-figure="replay"] .bad { color: var(--bad); }
        @media (max-width: 600px) {
            [data-figure="replay"] .lanes :is(thead, td:empty) { display: none; }
            [data-figure="replay"] .lanes tr { display: flex; }
            [data-figure="replay"] .lanes td { border: 0; overflow-wrap: anywhere; flex: 1; }
            [data-figure="replay"] .lanes td:first-child { flex: none; width: 3em; }
            [data-figure="replay"] .lanes .thread { display: inline; font-weight: bold; }
        }
    `;

    herd.figures.replay = (figure) => {
        const { element } = herd;
        const model = herd.models.replay;
        const data = herd.data(figure);
        // It has been read. Paper, which shows what was here before, must not show it.
        figure.querySelector("script.data")?.remove();
        const wrong = model.complaints(data);
        if (wrong.length > 0) throw new Error(`a replay cannot be shown: ${wrong.join("; ")}`);

        let position = 0;
        const button = (where, text, name) =>
            element("button", { type: "button", "data-do": where, "aria-label": name, onclick: () => to(where) }, text);
        const buttons = {
            first: button("first", "|\u25C0 First", "First: before the first step"),
            previous: button("previous", "\u25C0 Previous", "Previous step"),
            next: button("next", "Next \u25B6", "Next step"),
            last: button("last", "Last \u25B6|", "Last step"),
        };
        const slider = element("input", {
            type: "range",
            min: 0,
            max: data.steps.length,
            value: 0,
            "data-do": "go",
            oninput: () => to(Number(slider.value)),
        });
        const live = herd.live();
        const cause = element(
            "div",
            { class: "cause" },
            element("strong", { class: "bad" }, "Why it has failed"),
            element("pre", {}, data.cause),
        );
        const states = element("ul", { class: "states" });
        const file = element("p");
        const source = element("pre", { class: "source" });
        const rows = data.steps.map((step, index) =>
            element(
                "tr",
                { onclick: () => to(index + 1) },
                element("td", {}, step.step),
                data.threads.map((name, thread) => element("td", {}, thread === step.thread ? cell(name, step) : null)),
            ),
        );
        const headings = ["step", ...data.threads].map((name) => element("th", { scope: "col" }, name));
        const lanes = element(
            "div",
            { class: "lanes scroll", tabindex: 0, role: "region", "aria-label": "Lanes" },
            element("table", {}, element("thead", {}, element("tr", {}, headings)), element("tbody", {}, rows)),
        );
        const play = element(
            "div",
            { onkeydown: key },
            element(
                "p",
                {},
                "The mistake: ",
                element("strong", {}, data.name),
                `. It breaks the promise: ${data.promise}.`,
            ),
            element("div", { class: "controls" }, Object.values(buttons), element("label", {}, "Step: ", slider)),
            live,
            cause,
            states,
            file,
            source,
            lanes,
        );
        herd.place(figure, CSS, play);
        draw();

        function cell(name, { action, place }) {
            // The lanes as everybody knows them have no folders.
            const short = place ? `  ${place.split("/").at(-1)}` : "";
            // No line may break inside of an arrow.
            const words = `${action}${short}`.replaceAll("->", "-\u2060>");
            return [element("span", { class: "thread" }, `${name}: `), words];
        }

        function to(where) {
            position = model.go(data, position, where);
            draw();
        }

        /** The arrow keys, wherever in the figure the focus is. The book would turn the page otherwise. */
        function key(event) {
            const where = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" }[event.key];
            if (!where || event.altKey || event.ctrlKey || event.metaKey) return;
            event.stopPropagation();
            event.preventDefault();
            to(where);
        }

        function draw() {
            const step = model.stepAt(data, position);
            const atEnd = position === data.steps.length;
            for (const where of Object.keys(buttons)) {
                buttons[where].setAttribute("aria-disabled", model.go(data, position, where) === position);
            }
            const total = data.omitted + data.steps.length;
            const words = step ? `Step ${step.step} of ${total}. ${data.threads[step.thread]}: ${step.action}` : "";
            const at = step?.place ? `, ${model.placeOf(data, position - 1)}` : "";
            const start = data.omitted ? `After ${data.omitted} steps that are not shown.` : "Before the first step.";
            const inShort = data.cause.split("\n")[0].replace(/^in interleaving \d+: /, "");
            const end = atEnd ? [" ", element("strong", { class: "bad" }, `The end: ${inShort}.`)] : [];
            live.replaceChildren(step ? `${words}${at}.` : start, ...end);
            slider.value = position;
            slider.setAttribute("aria-valuetext", step ? words : start);
            cause.hidden = !atEnd;
            states.replaceChildren(...drawStates(step));
            drawSource(step);
            drawLanes();
            figure.dataset.state = atEnd ? "end" : `${position}`;
        }

        function drawStates(step) {
            const locks = model.locks(data, position);
            return model.threadStates(data, position).map(({ is, place }, thread) => {
                const held = locks.filter((lock) => lock.thread === thread);
                const has = held.map((lock) => `; has the ${lock.kind} taken at ${lock.place}`).join("");
                const words = {
                    "not begun": "has not begun",
                    running: "runs",
                    panicked: "has panicked",
                    ended: "has ended",
                };
                return element(
                    "li",
                    { "data-is": is.split(" ")[0], "aria-current": step?.thread === thread && "step" },
                    element("strong", {}, data.threads[thread]),
                    ` ${words[is] ?? `is ${is} at ${place}`}${has}`,
                );
            });
        }

        /** The line of the step; of a step without a line, the last one of its thread. */
        function drawSource(step) {
            const place = step && model.threadStates(data, position)[step.thread].place;
            const shown = model.code(data, model.placeOf(data, Math.max(position - 1, 0)) ?? place);
            file.textContent =
                shown && step ? `${shown.file}, line ${shown.line}` : "The code of the first step comes next";
            const lines = (shown && step ? shown.lines : []).map(({ number, text }) => {
                const here = number === shown.line;
                const mark = `${here ? "\u25B8" : " "}${String(number).padStart(4)}  `;
                return element("span", { "aria-current": here && "step" }, mark + text);
            });
            source.replaceChildren(...lines);
        }

        function drawLanes() {
            rows.forEach((row, index) => {
                row.classList.toggle("later", index >= position);
                if (index === position - 1) row.setAttribute("aria-current", "step");
                else row.removeAttribute("aria-current");
            });
            // Only the box scrolls, not the page, and only as far as it must.
            const row = rows[Math.max(position - 1, 0)];
            const head = lanes.querySelector("thead").offsetHeight;
            const [above, below] = [row.offsetTop - head, row.offsetTop + row.offsetHeight - lanes.clientHeight];
            if (position === 0) lanes.scrollTop = 0;
            else lanes.scrollTop = Math.max(Math.min(lanes.scrollTop, above), below);
        }
    };
})();
