// A herd of two to four workers: click clients in, get workers stuck, kill them, and see who is lost.
(() => {
    "use strict";

    const CSS = `
        [data-figure="reuseport"] .slots { display: grid; gap: 0.6em; list-style: none; margin: 0.5em 0; padding: 0;
            grid-template-columns: repeat(auto-fit, minmax(8.4em, 1fr)); }
        [data-figure="reuseport"] .slots > li { border: 2px solid currentColor; border-radius: 6px; padding: 0.4em 0.6em;
            margin: 0; }
        [data-figure="reuseport"] .slots > li.stuck { border-color: var(--wait); border-style: dashed; }
        [data-figure="reuseport"] .slots > li.dead { border-color: var(--bad); border-style: dotted; }
        [data-figure="reuseport"] .slots p { margin: 0.2em 0; }
        [data-figure="reuseport"] .ports { display: flex; flex-wrap: wrap; gap: 0.2em; list-style: none; margin: 0.2em 0;
            padding: 0.2em; min-height: 2em; background: var(--quote-bg); border-radius: 4px; align-content: start; }
        [data-figure="reuseport"] .ports li { border: 1px solid currentColor; border-radius: 3px; padding: 0 0.25em;
            font-size: 0.8em; margin: 0; }
        [data-figure="reuseport"] .ports li.new { background: var(--theme-hover); font-weight: bold; }
        [data-figure="reuseport"] .counts { display: flex; flex-wrap: wrap; gap: 0.2em 1.2em; margin: 0.5em 0; }
        [data-figure="reuseport"] .counts strong { font-size: 1.3em; }
        [data-figure="reuseport"] .counts .bad { color: var(--bad); }
    `;
    const TRY = {
        herd: "Try: let ten clients connect. How often is a worker woken for nothing? And with 2 workers?",
        exclusive: "Try: let ten clients connect. Who serves them, and who serves nobody?",
        own: "Try: get worker 1 stuck, let ten clients connect, kill it. Who is lost, although no worker had seen them?",
        held: "Try: get worker 1 stuck, let ten clients connect, kill it, respawn it. Who is lost?",
    };

    herd.figures.reuseport = (figure) => {
        const { button, choose, element } = herd;
        const model = herd.models.reuseport;
        let state, history, told;

        const design = choose(
            "design",
            Object.entries(model.DESIGNS).map(([name, { words }]) => [name, words]),
            "herd",
            startAgain,
        );
        const workers = choose(
            "workers",
            [2, 3, 4].map((count) => [count, String(count)]),
            4,
            startAgain,
        );
        const undo = button("undo", "Undo", takeBack);
        const live = herd.live();
        const challenge = element("p");
        const shared = element("div");
        const slots = element("ol", { class: "slots", "aria-label": "Workers" });
        const counts = element("p", { class: "counts" });
        const play = element(
            "div",
            {},
            element(
                "div",
                { class: "controls" },
                element("label", {}, "Design: ", design),
                element("label", {}, "Workers: ", workers),
            ),
            challenge,
            element(
                "div",
                { class: "controls" },
                button("connect", "A client connects", () => take(model.connect)),
                button("ten", "Ten connect", () => take(tenConnect)),
                button("answer", "Workers answer", () => take(model.answer)),
                undo,
                button("reset", "Reset", startAgain),
            ),
            live,
            shared,
            slots,
            counts,
        );
        herd.place(figure, CSS, play);
        startAgain();

        function startAgain() {
            history = [];
            state = model.begin(design.value, Number(workers.value));
            told = "All workers sleep until a client comes.";
            buildSlots();
            draw();
        }

        function take(step, worker) {
            history.push(state);
            const taken = step(state, worker);
            told = taken.words;
            state = taken.state;
            draw();
        }

        /** Ten steps of the model in one; told in one sentence. */
        function tenConnect(before) {
            let after = before;
            for (let count = 0; count < 10; count += 1) after = model.connect(after).state;
            const more = (name) => model.counts(after)[name] - model.counts(before)[name];
            const parts = [`${more("served")} accepted`, `${more("waiting")} wait in a backlog`];
            if (more("refused")) parts.push(`${more("refused")} refused`);
            const idle = after.wokenForNothing - before.wokenForNothing;
            if (model.DESIGNS[before.design].shared) parts.push(`${idle} wake-ups for nothing`);
            return { state: after, words: `Ten clients came: ${parts.join(", ")}.` };
        }

        function takeBack() {
            const before = history.pop();
            told = before ? "Taken back." : "There is nothing to take back.";
            if (before) state = before;
            draw();
        }

        /** The buttons stay while states change, so that they keep the focus. */
        function buildSlots() {
            slots.replaceChildren(
                ...state.workers.map((_, worker) => {
                    const isAlive = () => state.workers[worker].alive;
                    return element(
                        "li",
                        {},
                        element("p", { class: "state" }),
                        element("div", { class: "lists" }),
                        element(
                            "div",
                            { class: "controls" },
                            button("stick", "", () => isAlive() && take(model.toggleStuck, worker)),
                            button("kill", "", () => take(isAlive() ? model.kill : model.respawn, worker)),
                        ),
                    );
                }),
            );
        }

        function draw() {
            const newest = state.nextPort - 1;
            const ports = (label, list) => [
                element("p", {}, `${label}: ${list.length}`),
                element(
                    "ul",
                    { class: "ports", "aria-label": label },
                    list.map((port) => element("li", { class: port === newest ? "new" : "" }, String(port))),
                ),
            ];
            const isShared = model.DESIGNS[state.design].shared;
            challenge.textContent = TRY[state.design];
            live.textContent = told;
            undo.setAttribute("aria-disabled", history.length === 0);
            shared.replaceChildren(...(isShared ? ports("backlog of all", state.sockets[0]) : []));
            state.workers.forEach(({ alive, stuck, serving }, worker) => {
                const item = slots.children[worker];
                const name = `Worker ${worker + 1}`;
                item.className = !alive ? "dead" : stuck ? "stuck" : "";
                const doing = !alive ? "dead" : stuck ? "stuck" : serving.length ? "serves" : "sleeps";
                item.querySelector(".state").replaceChildren(element("strong", {}, name), `: ${doing}`);
                const open = state.group.includes(worker);
                const backlog = open ? ports("backlog", state.sockets[worker]) : [element("p", {}, "no socket")];
                item.querySelector(".lists").replaceChildren(
                    ...(isShared ? [] : backlog),
                    ...ports("accepted", serving),
                );
                const [stick, kill] = item.querySelectorAll("button");
                stick.textContent = stuck ? "Go on" : "Get stuck";
                stick.setAttribute("aria-disabled", !alive);
                stick.setAttribute("aria-label", `${stick.textContent}: ${name}`);
                kill.textContent = alive ? "Kill" : "Respawn";
                kill.setAttribute("aria-label", `${kill.textContent}: ${name}`);
            });
            drawCounts(isShared);
        }

        function drawCounts(isShared) {
            const { came, waiting, served, answered, refused, lostInBacklog, lostWithWorker } = model.counts(state);
            const count = (value, words, bad = false) =>
                element(
                    "span",
                    {},
                    element("strong", { class: bad && value ? "bad" : "" }, String(value)),
                    ` ${words}`,
                );
            counts.replaceChildren(
                count(came, "came"),
                count(waiting, "wait"),
                count(served, "being served"),
                count(answered, "answered"),
                count(lostInBacklog, "lost in a backlog", true),
                count(lostWithWorker, "lost with their worker", true),
                refused ? count(refused, "refused", true) : "",
                isShared ? count(state.wokenForNothing, "wake-ups for nothing", true) : "",
            );
            figure.dataset.state = `${came} came, ${lostInBacklog} lost in a backlog, ${lostWithWorker} with their worker`;
        }
    };
})();
