// The bounded queue, step by step: the reader is the scheduler.
(() => {
    "use strict";

    const CSS = `
        [data-figure="queue"] .shared { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5em, 1fr)); }
        [data-figure="queue"] .threads { display: grid; grid-template-columns: repeat(auto-fit, minmax(17em, 1fr)); }
        [data-figure="queue"] :is(.shared, .threads) { gap: 0.5em; margin: 0.5em 0; }
        [data-figure="queue"] :is(.shared, .threads) > div {
            border: 2px solid var(--table-border-color); border-radius: 6px; padding: 0.4em 0.6em; min-width: 0;
        }
        [data-figure="queue"] .threads > [data-is="asleep"] { border: 2px dashed var(--wait); }
        [data-figure="queue"] .threads > [data-is="ended"] { border-color: var(--good); }
        [data-figure="queue"] .state { color: var(--wait); font-weight: bold; }
        [data-figure="queue"] [data-is="ended"] .state { color: var(--good); }
        [data-figure="queue"] [data-is="running"] .state { color: var(--busy); }
        [data-figure="queue"] :is(.shared, .threads) p { margin: 0.2em 0; font-size: 0.85em; }
        [data-figure="queue"] .count { font-size: 1.4em; font-weight: bold; }
        [data-figure="queue"] .slots { display: flex; gap: 0.4em; list-style: none; margin: 0.2em 0; padding: 0; }
        [data-figure="queue"] .slots li {
            border: 2px solid currentColor; width: 2.2em; text-align: center; font-weight: bold; line-height: 1.9;
        }
        [data-figure="queue"] .slots .empty { border-style: dashed; opacity: 0.6; font-weight: normal; }
        [data-figure="queue"] .program { list-style: none; margin: 0.4em 0 0; padding: 0; }
        [data-figure="queue"] .program li { padding: 0 0.3em 0 1.4em; line-height: 1.6; border-radius: 4px; }
        [data-figure="queue"] .program [aria-current] { background: var(--quote-bg); outline: 1px solid currentColor; }
        [data-figure="queue"] .program [aria-current]::before { content: "\\25B8"; float: left; margin-left: -1em; }
        [data-figure="queue"] .program code { background: none; padding: 0; }
        [data-figure="queue"] .threads button { width: 100%; }
        [data-figure="queue"] .bad { color: var(--bad); }
        [data-figure="queue"] .good { color: var(--good); }
    `;

    const sentence = (words) => words[0].toUpperCase() + words.slice(1);
    const many = (number) => number.toLocaleString("en-US");
    const short = (name) => name[0].toUpperCase() + name.at(-1);

    herd.figures.queue = (figure) => {
        const { choose, element } = herd;
        const model = herd.models.queue;
        let setting, history, told, explored;

        const button = (attributes, ...text) => element("button", { type: "button", ...attributes }, ...text);
        const variant = choose(
            "variant",
            Object.keys(model.VARIANTS).map((name) => [name, name]),
            null,
            restart,
        );
        const capacity = choose(
            "capacity",
            [
                [1, "1, one item each"],
                [2, "2, two items each"],
            ],
            1,
            restart,
        );
        const undo = button({ "data-do": "undo", onclick: takeBack }, "Undo");
        const reset = button({ "data-do": "reset", onclick: startAgain }, "Reset");
        const thought = element("p");
        const shared = element("div", { class: "shared" });
        const threads = element("div", { class: "threads" });
        const live = herd.live();
        const schedule = element("p", { class: "schedule" });
        const challenge = element("p");
        const shortest = button({ "data-do": "shortest", onclick: followShortest });
        // Made once for the four threads, so that the button that is used keeps the focus.
        const cards = [0, 1, 2, 3].map((number) => {
            const card = element("div");
            const step = button({ "data-do": "step", "data-thread": number, onclick: () => takeStep(number) });
            const about = element("div");
            card.append(step, about);
            threads.append(card);
            return { card, step, about };
        });
        const play = element(
            "div",
            {},
            element(
                "div",
                { class: "controls" },
                element("label", {}, "Queue: ", variant),
                element("label", {}, "Capacity: ", capacity),
                undo,
                reset,
            ),
            thought,
            shared,
            live,
            threads,
            schedule,
            challenge,
            element("div", { class: "controls" }, shortest),
        );
        herd.place(figure, CSS, play);
        restart();

        function restart() {
            setting = model.setup(variant.value, { capacity: Number(capacity.value) });
            explored = null;
            startAgain();
        }

        function startAgain() {
            history = [];
            told = "You are the scheduler: choose which thread takes the next step.";
            draw();
        }

        function takeBack() {
            const last = history.pop();
            told = last ? `Taken back: ${last.words}` : "There is no step to take back.";
            draw();
        }

        function takeStep(number) {
            const state = now();
            if (model.enabled(state).includes(number)) {
                history.push({ number, ...model.step(setting, state, number) });
                told = sentence(history.at(-1).words);
            } else {
                const { name } = setting.threads[number];
                const { is } = state.threads[number];
                const why = state.failure && is !== "asleep" ? "the queue has failed" : `it ${stateOf(number)}`;
                told = `${sentence(name)} cannot take a step: ${why.replace("it ended", "it has ended")}.`;
            }
            draw();
        }

        /** First it looks at all schedules; then each press is one step along a shortest one that fails. */
        function followShortest() {
            explored ??= model.explore(setting.variant, { capacity: setting.capacity });
            const ahead = comesNext();
            if (ahead === undefined) {
                startAgain();
                told = "Back at the beginning. Press again for each step.";
                if (!witness()) told = "No schedule of this queue fails.";
                draw();
            } else takeStep(ahead);
        }

        function now() {
            return history.at(-1)?.state ?? model.begin(setting);
        }

        /** A shortest of all schedules that fail, once they have been explored. */
        function witness() {
            const found = Object.values(explored?.failures ?? {});
            return found.sort((one, other) => one.schedule.length - other.schedule.length)[0]?.schedule;
        }

        /** The thread whose step follows on a shortest schedule, if the reader is on it. */
        function comesNext() {
            const along = witness();
            return along && history.every(({ number }, at) => along[at] === number) ? along[history.length] : undefined;
        }

        function stateOf(number) {
            const { is } = now().threads[number];
            const place = model.lineOf(setting, now(), number)?.split(".")[0];
            if (is === "running") return model.hasMutex(setting, now(), number) ? "runs, has the mutex" : "runs";
            if (is === "ended") return "ended";
            const held = model.hasMutex(setting, now(), number) ? ", has the mutex" : "";
            if (is === "woken") return `is woken, has no permit of ${place} yet${held}`;
            return (is === "asleep" ? `sleeps at ${place}` : `is about to sleep at ${place}`) + held;
        }

        function draw() {
            const state = now();
            thought.replaceChildren(element("em", {}, "Its author thinks: "), setting.mistake.thought);
            shared.replaceChildren(...model.SEMAPHORES.map((name) => drawSemaphore(state, name)), drawSlots(state));
            cards.forEach(({ card, step, about }, number) => {
                const { name } = setting.threads[number];
                card.dataset.is = state.threads[number].is;
                step.textContent = `${sentence(name)}: step`;
                step.setAttribute("aria-disabled", !model.enabled(state).includes(number));
                about.replaceChildren(...drawThread(state, number));
            });
            undo.setAttribute("aria-disabled", history.length === 0);
            const outcome = outcomeOf(state);
            live.replaceChildren(told, outcome ? " " : "", outcome ?? "");
            const steps = history.map(({ number }) => short(setting.threads[number].name));
            schedule.textContent = `Schedule so far, ${steps.length} steps: ${steps.join(" ") || "none"}`;
            drawChallenge();
            figure.dataset.state = state.failure?.kind ?? (model.enabled(state).length === 0 ? "delivered" : "running");
        }

        function drawSemaphore(state, name) {
            const permits = state.permits[name];
            const asleep = state.sleepers[name].map((number) => setting.threads[number].name);
            return element(
                "div",
                {},
                element("code", {}, name),
                element("p", {}, element("span", { class: "count" }, permits), permits === 1 ? " permit" : " permits"),
                element("p", {}, asleep.length ? `asleep: ${asleep.join(", ")}` : "nobody sleeps"),
            );
        }

        function drawSlots(state) {
            const slots = state.slots.map((item) =>
                element("li", { class: item === null && "empty" }, item ?? "\u00a0"),
            );
            const oldest = state.length ? `oldest: slot ${state.oldest + 1}` : "no item";
            return element(
                "div",
                {},
                state.slots.length === 1 ? "1 slot" : `${state.slots.length} slots`,
                element("ol", { class: "slots" }, slots),
                element("p", {}, oldest),
            );
        }

        function drawThread(state, number) {
            const { program, items } = setting.threads[number];
            const { line, round, is, got } = state.threads[number];
            const left = items.slice(round).join(" ") || "nothing";
            const has = items.length ? `still to enqueue: ${left}` : `has got: ${got.join(" ") || "nothing"}`;
            const lines = program.map((code, at) => {
                const here = is !== "ended" && at === line;
                return element("li", { "aria-current": here && "step" }, element("code", {}, code));
            });
            return [
                element("p", {}, element("span", { class: "state" }, stateOf(number)), `; ${has}`),
                element("ol", { class: "program" }, lines),
            ];
        }

        function outcomeOf(state) {
            if (state.failure) return element("strong", { class: "bad" }, sentence(state.failure.says));
            if (model.enabled(state).length > 0) return null;
            return element("strong", { class: "good" }, "All threads have ended, and each item was delivered once.");
        }

        function drawChallenge() {
            const along = witness();
            const ahead = comesNext();
            const count = explored && `${many(explored.schedules)} schedules with ${many(explored.states)} states`;
            if (!explored) {
                challenge.textContent = "Challenge: find a schedule that fails. Can every queue fail?";
            } else if (along) {
                const [kind, failing] = Object.entries(explored.failing)[0];
                challenge.textContent =
                    `Of ${count}, ${many(failing)} end in ${model.KINDS[kind]}. ` +
                    `A shortest has ${along.length} steps.`;
            } else {
                const hint = setting.variant === "correct" ? "" : " Try the other capacity.";
                challenge.textContent = `All ${count} were tried. None fails.${hint}`;
            }
            const next = ahead !== undefined && `${history.length + 1} of ${along.length}`;
            if (next) shortest.textContent = `Shortest schedule, step ${next}: ${setting.threads[ahead].name}`;
            else
                shortest.textContent = along ? "Go along it from the beginning" : "Show a shortest schedule that fails";
        }
    };
})();
