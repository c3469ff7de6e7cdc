// Shows a lecture deck: one slide at a time, and the presenter's view of it.
//
// The two windows tell each other the number of the slide and when the talk began. They know each other because one has
// opened the other, so this works from a file on disk as well, where a BroadcastChannel does not in every browser.
"use strict";

(() => {
    const slides = [...document.querySelectorAll(".slide")];
    if (slides.length === 0) return;
    const notes = [...document.querySelectorAll(".notes")];
    const page = document.documentElement;
    const minutes = slides.map((slide) => Number(slide.dataset.minutes));
    const state = { index: 0, began: null };
    let other = window.opener;

    const KEYS = [
        ["Right, Down, Space, Page Down", "the next slide", ["ArrowRight", "ArrowDown", " ", "PageDown"], () => go(state.index + 1)],
        ["Left, Up, Page Up", "the slide before", ["ArrowLeft", "ArrowUp", "PageUp"], () => go(state.index - 1)],
        ["Home", "the first slide", ["Home"], () => go(0)],
        ["End", "the last slide", ["End"], () => go(slides.length - 1)],
        ["f", "full screen, and back", ["f"], fullScreen],
        ["p", "the presenter's view in a second window", ["p"], openPresenter],
        ["v", "the presenter's view in this window, and back", ["v"], () => present(!page.classList.contains("presenter"))],
        ["t", "start the clock again", ["t"], () => begin(Date.now())],
        ["Esc", "leave a control of a figure, so that keys move slides again", ["Escape"], () => document.activeElement.blur()],
        ["?", "these keys", ["?"], () => (help.open ? help.close() : help.showModal())],
    ];

    const clock = document.createElement("div");
    clock.className = "clock";
    const help = document.createElement("dialog");
    help.append(
        ...KEYS.map(([keys, does]) => {
            const line = document.createElement("p");
            line.textContent = `${keys}: ${does}`;
            return line;
        }),
    );
    document.body.append(clock, help);

    function fullScreen() {
        if (document.fullscreenElement) document.exitFullscreen();
        else page.requestFullscreen();
    }

    /** A second window, if the browser allows one; else this one is the presenter's. */
    function openPresenter() {
        const address = new URL(location.href);
        address.search = "presenter";
        other = window.open(address, "presenter", "width=1200,height=800") ?? other;
        if (!other) present(true);
    }

    function present(on) {
        page.classList.toggle("presenter", on);
        show();
    }

    function begin(moment) {
        state.began = moment;
        tell();
        show();
    }

    function go(index) {
        state.index = Math.max(0, Math.min(index, slides.length - 1));
        // The talk begins when its title is left.
        if (state.index > 0) state.began ??= Date.now();
        tell();
        show();
    }

    function show() {
        const mark = (list, name, index) => list.forEach((node, at) => node.classList.toggle(name, at === index));
        mark(slides, "current", state.index);
        mark(slides, "next", state.index + 1);
        mark(notes, "current", state.index);
        // What is only looked at must not take the focus.
        slides.forEach((slide, at) => (slide.inert = at !== state.index));
        history.replaceState(null, "", `#${state.index + 1}`);
        tick();
    }

    const words = (seconds) =>
        `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

    function tick() {
        const sum = (upTo) => minutes.slice(0, upTo).reduce((all, one) => all + one, 0);
        const spent = state.began === null ? 0 : (Date.now() - state.began) / 1000;
        const end = sum(state.index + 1) * 60;
        const late = spent - end;
        clock.classList.toggle("late", late > 0);
        clock.textContent = [
            words(spent),
            `slide ${state.index + 1} of ${slides.length}: ${minutes[state.index]} min, until ${words(end)}`,
            late > 0 ? `${words(late)} late` : `${words(-late)} left on this slide`,
            `the lecture ends at ${words(sum(slides.length) * 60)}`,
        ].join("\n");
    }

    function tell() {
        // A page on disk has no origin that could be named; what is told is no secret.
        other?.postMessage({ deck: location.pathname, ...state }, "*");
    }

    window.addEventListener("message", ({ data, source }) => {
        if (data?.deck !== location.pathname) return;
        other = source;
        // The window that was just opened asks where we are.
        if (data.asks) return tell();
        Object.assign(state, { index: data.index, began: data.began });
        show();
    });

    window.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey) return;
        // Controls of a figure keep the keys that they use.
        const control = event.target.closest?.("button, select, input, summary");
        const own = control?.matches("select, input") ? event.key !== "Escape" : [" ", "Enter"].includes(event.key);
        if (control && own) return;
        const key = KEYS.find(([, , keys]) => keys.includes(event.key));
        if (!key) return;
        event.preventDefault();
        key[3]();
    });
    window.addEventListener("hashchange", () => go(Number(location.hash.slice(1)) - 1 || 0));

    page.classList.add("shown");
    state.index = Math.max(0, Math.min(Number(location.hash.slice(1)) - 1 || 0, slides.length - 1));
    present(location.search === "?presenter");
    if (page.classList.contains("presenter")) other?.postMessage({ deck: location.pathname, asks: true }, "*");
    setInterval(tick, 1000);
})();
