// Watches a server's dashboard in headless Chromium while things happen to the server.
// `node dashboard.mjs ADDRESS WORKERS [MASTER [SCREENSHOTS]]`: with the pid of a master, workers are killed and rolled
// too. Complains on standard error and exits with 1 if the page does not show what happens.

import { mkdirSync } from "node:fs";
import { Agent, get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, workers, master, screenshots] = process.argv.slice(2);
const origin = `http://${address}`;
const [, host, port] = /^(.*):(\d+)$/.exec(address);
const PATIENCE = 60_000;
const complaints = [];
let isAway = false;

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
});

async function open(width, height, colorScheme) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const complain = (what) => complaints.push(`${width} px: ${what}`);
    // While it is away, the browser itself says that requests fail.
    page.on("console", (message) => isAway || complain(`console: ${message.text()}`));
    page.on("pageerror", (error) => complain(error.message));
    page.on("request", (request) => request.url().startsWith(origin) || complain(`asks for ${request.url()}`));
    await page.goto(`${origin}/dashboard`);
    await page.waitForSelector('#state[data-state="serving"]');
    return { context, page };
}

async function picture(page, name) {
    if (!screenshots) return;
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${name}-${page.viewportSize().width}.png`), fullPage: true });
}

/** Waits until the page shows this; `what` is said if it never does. */
async function shows(page, what, condition, argument) {
    try {
        await page.waitForFunction(condition, argument, { timeout: PATIENCE, polling: 50 });
    } catch {
        const text = await page.evaluate(() => document.body.innerText);
        throw new Error(`the page never shows ${what}:\n${text}`);
    }
}

const event = (page, text) =>
    shows(page, `the event "${text}"`, (text) => document.querySelector("#events").textContent.includes(text), text);

/** Asks for a file again and again until it is told to stop. */
function load() {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    let on = true;
    const ask = () =>
        get(`${origin}/large.bin`, { agent }, (response) => response.resume().on("close", () => on && ask())).on(
            "error",
            () => on && ask(),
        );
    for (let client = 0; client < 8; client++) ask();
    return () => {
        on = false;
        agent.destroy();
    };
}

/** Many requests that a worker finds all at once: more than one thread and two slots can take. */
async function burst(pid) {
    process.kill(pid, "SIGSTOP");
    const closed = [];
    for (let client = 0; client < 60; client++) {
        const socket = connect(Number(port), host.replace(/[[\]]/g, ""));
        socket.on("error", () => {});
        socket.on("data", () => {});
        closed.push(new Promise((resolve) => socket.on("close", resolve)));
        await new Promise((resolve) => socket.on("connect", resolve));
        socket.write("GET /large.bin HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }
    process.kill(pid, "SIGCONT");
    await Promise.all(closed);
}

const stats = async () => (await fetch(`${origin}/stats`)).json();

try {
    const { context, page } = await open(1280, 800, "light");
    const phone = await open(360, 740, "dark");
    await shows(
        page,
        "a card for each worker",
        (count) => document.querySelectorAll("#workers > li").length === count,
        Number(workers),
    );

    const stop = load();
    const moved = () => Number(document.querySelector("#totals dd").textContent.replaceAll(",", "")) > 0;
    await shows(page, "requests per second", moved);
    await shows(phone.page, "requests per second", moved);
    await shows(
        page,
        "a line",
        () => document.querySelector("#lines polyline").getAttribute("points").split(" ").length > 1,
    );
    await shows(page, "how long requests took", () => document.querySelectorAll("#durations tr").length > 0);
    for (const view of [page, phone.page]) {
        const [content, window] = await view.evaluate(() => [document.scrollingElement.scrollWidth, innerWidth]);
        if (content > window) complaints.push(`${window} px: the page is ${content} px wide`);
        await picture(view, "load");
    }

    if (master) {
        const victim = (await stats()).workers[0].pid;
        process.kill(victim, "SIGKILL");
        await event(page, `slot 0: worker ${victim} has died`);
        await shows(page, "a card that is red", () => document.querySelector("#workers > li").dataset.state === "dead");
        await picture(page, "death");
        const successor = (await stats()).workers[0].pid;
        if (successor === victim) complaints.push("the dead worker has no successor");
        await shows(
            page,
            "the successor, serving",
            (pid) => {
                const card = document.querySelector("#workers > li");
                return card.dataset.state === "serving" && card.textContent.includes(`worker ${pid}`);
            },
            successor,
        );
    }
    stop();

    let refused = 0;
    while (refused === 0) {
        const now = await stats();
        const before = now.total.rejections;
        await burst(now.workers[0].pid);
        refused = (await stats()).total.rejections - before;
    }
    await event(page, "refusals have begun");
    await picture(page, "overload");
    await shows(page, "what the worker has refused", () =>
        /[1-9][0-9,]* refused/.test(document.querySelector("#workers > li").textContent),
    );
    await event(page, "refusals have ended");

    if (master) {
        process.kill(Number(master), "SIGHUP");
        await event(page, "a roll has begun");
        await event(page, "the roll is over");
        await picture(page, "roll");
    }

    isAway = true;
    await context.setOffline(true);
    await shows(page, "that the server is away", () => document.querySelector("#state").dataset.state === "away");
    await picture(page, "away");
    await context.setOffline(false);
    await event(page, "the server is back");
    await shows(page, "that it serves", () => document.querySelector("#state").dataset.state === "serving");

    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => document.activeElement.id);
    if (focused !== "events") complaints.push(`the first stop of the keyboard is "${focused}", not the events`);
    await picture(page, "end");
} catch (error) {
    complaints.push(error.message);
}
await browser.close();
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length ? 1 : 0;
