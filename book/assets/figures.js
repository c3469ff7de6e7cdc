// Loads the figures that a page has: <figure class="figure" data-figure="queue"> ... </figure>.
//
// A figure is a folder in src/figures: model.js knows what can happen and draws nothing (node can run it), draw.js
// shows it. What the page has inside the element is the static picture: it is what paper shows, and who has no
// JavaScript. Plain scripts and not modules, because a browser loads no module from a file on disk.
"use strict";

globalThis.herd = {
    models: {},
    figures: {},

    /** An HTML element. Attributes that are functions are listeners: { onclick: f }. */
    element(tag, attributes = {}, ...children) {
        return herd.fill(document.createElement(tag), attributes, children);
    },

    /** An SVG element. */
    shape(tag, attributes = {}, ...children) {
        return herd.fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
    },

    fill(node, attributes, children) {
        for (const [name, value] of Object.entries(attributes)) {
            if (typeof value === "function") node.addEventListener(name.slice(2), value);
            else if (value === true) node.setAttribute(name, "");
            else if (value !== false && value != null) node.setAttribute(name, value);
        }
        node.append(...children.flat().filter((child) => child != null));
        return node;
    },

    /** A button; `name` is what tests know it by. */
    button(name, text, onclick, more = {}) {
        return herd.element("button", { type: "button", "data-do": name, onclick, ...more }, text);
    },

    /** A select whose options are [value, words]. */
    choose(name, options, chosen, onchange) {
        const option = ([value, words]) => herd.element("option", { value, selected: value === chosen }, words);
        return herd.element("select", { "data-do": name, onchange }, options.map(option));
    },

    /** Puts what can be played with above the caption, and its style into the page, once. */
    place(figure, css, play) {
        const id = `${figure.dataset.figure}-style`;
        if (!document.getElementById(id)) document.head.append(herd.element("style", { id }, css));
        const caption = figure.querySelector("figcaption");
        if (caption) caption.before(play);
        else figure.append(play);
    },

    /** A line of text that a screen reader speaks whenever it changes. */
    live() {
        return herd.element("p", { class: "live", "aria-live": "polite", role: "status" });
    },

    /** What a page carries beside a figure: <script type="application/json" class="data">. */
    data(figure) {
        const script = figure.querySelector("script.data");
        return script ? JSON.parse(script.textContent) : null;
    },
};

(() => {
    const load = (path) =>
        new Promise((resolve, reject) => {
            const script = document.createElement("script");
            script.src = path_to_root + path;
            script.onload = resolve;
            script.onerror = () => reject(new Error(`cannot load ${path}`));
            document.head.append(script);
        });
    const loaded = new Map();
    const once = (path) => {
        if (!loaded.has(path)) loaded.set(path, load(path));
        return loaded.get(path);
    };
    const start = async () => {
        for (const figure of document.querySelectorAll("[data-figure]")) {
            const name = figure.dataset.figure;
            await once(`figures/${name}/model.js`);
            await once(`figures/${name}/draw.js`);
            for (const child of figure.children) child.classList.add("static");
            for (const child of figure.querySelectorAll(":scope > .static:not(figcaption)"))
                child.style.display = "none";
            figure.querySelector(":scope > figcaption")?.classList.remove("static");
            herd.figures[name](figure);
            figure.dataset.ready = "true";
        }
    };
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
    else start();
})();
