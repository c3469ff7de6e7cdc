// Opens every slide of every lecture deck in headless Chromium, on a small and on a large screen, and uses the decks as
// a teacher does. `node slides.mjs FOLDER [SCREENSHOTS]`: complains on standard error and exits with 1 if anything is
// wrong.
//
//   - no message on the console, and nothing is asked for that is not in the folder
//   - nothing on a slide is cut off or reaches out of it
//   - no text is smaller than 24 px on a screen of 1280 by 720; inside of a figure that one plays with, 15 px
//   - keys move, the presenter's window follows and leads, paper has one slide a page

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [folder, screenshots] = process.argv.slice(2);
// A page may have to wait for a compiler that runs beside it.
const PATIENCE = 120_000;
const complaints = [];
const address = (name) => pathToFileURL(join(folder, name)).href;
const decks = readdirSync(folder).filter((name) => name.endsWith(".html") && name !== "index.html");
let slides = 0;

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
});

/** A page with everything that may go wrong written down. */
function watch(page, name) {
    const complain = (what) => complaints.push(`${name}: ${what}`);
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && complain(message.text()));
    page.on("pageerror", (error) => complain(error.message));
    page.on("request", (request) => {
        const url = request.url();
        if (!url.startsWith(pathToFileURL(folder).href) && !url.startsWith("data:")) complain(`asks for ${url}`);
    });
    page.on("requestfailed", (request) => complain(`${request.url()}: ${request.failure()?.errorText}`));
    return page;
}

/** What is wrong with the slide that is shown, in sentences. Runs in the browser. */
function faults() {
    const slide = document.querySelector(".slide.current");
    const unit = innerWidth / 1280;
    const found = [];
    const words = (node) => `<${node.localName}> ${node.textContent.trim().replace(/\s+/g, " ").slice(0, 40)}`;
    const bounds = slide.getBoundingClientRect();
    if (Math.abs(bounds.width - innerWidth) > 1 || Math.abs(bounds.height - innerHeight) > 1)
        found.push("does not fill the screen");
    for (const node of [slide, ...slide.querySelectorAll("*")]) {
        const box = node.getBoundingClientRect();
        if (box.width === 0 || box.height === 0) continue;
        const out = box.right > bounds.right + 1 || box.bottom > bounds.bottom + 1;
        if (out || box.left < bounds.left - 1 || box.top < bounds.top - 1) found.push(`${words(node)} reaches out`);
        const style = getComputedStyle(node);
        const isBox = style.display !== "inline" && !node.ownerSVGElement && node.localName !== "select";
        const cut = node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1;
        if (isBox && cut && node.clientHeight > 0)
            found.push(`${words(node)} needs ${node.scrollWidth}x${node.scrollHeight}, has ${node.clientWidth}x${node.clientHeight}`);
        const hasText = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
        const scale = node.ownerSVGElement ? node.getScreenCTM().a : 1;
        const size = (parseFloat(style.fontSize) * scale) / unit;
        const least = node.closest("[data-figure]") ? 15 : 24;
        if (hasText && style.visibility !== "hidden" && size < least - 0.1)
            found.push(`${words(node)} has ${size.toFixed(1)} px`);
    }
    // The body's boxes must not reach into the number of the slide.
    const body = slide.querySelector(".body");
    const end = slide.querySelector(".number").getBoundingClientRect();
    for (const node of body.children) {
        const box = node.getBoundingClientRect();
        if (box.bottom > end.top + 4 * unit && box.right > end.left) found.push(`${words(node)} covers the slide's number`);
    }
    return found;
}

async function look(width, height) {
    const context = await browser.newContext({ viewport: { width, height }, reducedMotion: "reduce" });
    context.setDefaultTimeout(PATIENCE);
    for (const name of decks) {
        const page = watch(await context.newPage(), `${name} at ${width}x${height}`);
        await page.goto(address(name));
        await page.waitForFunction(() =>
            [...document.querySelectorAll("[data-figure]")].every((figure) => figure.dataset.ready === "true"),
        );
        const count = await page.locator(".slide").count();
        for (let number = 1; number <= count; number++) {
            for (const fault of await page.evaluate(faults))
                complaints.push(`${name} at ${width}x${height}, slide ${number}: ${fault}`);
            if (screenshots) {
                mkdirSync(screenshots, { recursive: true });
                const file = `${name.replace(".html", "")}-${String(number).padStart(2, "0")}-${width}.png`;
                await page.screenshot({ path: join(screenshots, file) });
            }
            slides++;
            await page.keyboard.press("PageDown");
        }
        await page.close();
    }
    await context.close();
}

const expect = (what, is, should) => {
    if (is !== should) complaints.push(`${what}: ${is}, not ${should}`);
};
const shown = (page) => page.evaluate(() => location.hash);

/** The keys, and a second window that hears of each of them. */
async function present() {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
    context.setDefaultTimeout(PATIENCE);
    const page = watch(await context.newPage(), "the room's window");
    await page.goto(address(decks[0]));
    const last = `#${await page.locator(".slide").count()}`;
    const keys = ["ArrowRight", "ArrowDown", " ", "PageDown", "ArrowLeft", "ArrowUp", "PageUp", "End", "PageDown", "Home"];
    const places = ["#2", "#3", "#4", "#5", "#4", "#3", "#2", last, last, "#1"];
    for (const [index, key] of keys.entries()) {
        await page.keyboard.press(key);
        expect(`after "${key}"`, await shown(page), places[index]);
    }
    await page.keyboard.press("?");
    expect("the keys are listed", await page.locator("dialog").isVisible(), true);
    await page.keyboard.press("?");
    await page.keyboard.press("f");
    await page.waitForFunction(() => document.fullscreenElement !== null);
    await page.keyboard.press("f");
    await page.waitForFunction(() => document.fullscreenElement === null);
    await page.keyboard.press("PageDown");
    const [presenter] = await Promise.all([page.waitForEvent("popup"), page.keyboard.press("p")]);
    watch(presenter, "the presenter's window");
    await presenter.waitForFunction(() => location.hash === "#2");
    await presenter.keyboard.press("PageDown");
    await page.waitForFunction(() => location.hash === "#3");
    await page.keyboard.press("PageDown");
    await presenter.waitForFunction(() => location.hash === "#4");
    for (const part of [".slide.current", ".slide.next", ".notes.current", ".clock"])
        expect(`the presenter sees ${part}`, await presenter.locator(part).isVisible(), true);
    expect("the room sees notes", await page.locator(".notes.current").isVisible(), false);
    const clock = await presenter.locator(".clock").textContent();
    expect("the clock has the planned minutes", /slide 4 of \d+: \d+ min, until \d+:00/.test(clock), true);
    if (screenshots) await presenter.screenshot({ path: join(screenshots, "presenter.png") });
    // A key that a control of a figure uses is the control's.
    const deck = decks.find((name) => name.startsWith("4-"));
    await page.goto(address(deck));
    const number = await page.evaluate(() =>
        [...document.querySelectorAll(".slide")].findIndex((slide) => slide.querySelector("[data-figure] button")));
    await page.goto(`${address(deck)}#${number + 1}`);
    await page.reload();
    await page.locator(".slide.current [data-figure] button:visible").first().focus();
    await page.keyboard.press(" ");
    expect("Space on a figure's button", await shown(page), `#${number + 1}`);
    await page.keyboard.press("PageDown");
    expect("Page Down on a figure's button", await shown(page), `#${number + 2}`);
    await context.close();
}

/** On paper each slide has a page of its own. */
async function print() {
    const context = await browser.newContext();
    context.setDefaultTimeout(PATIENCE);
    for (const name of decks) {
        const page = watch(await context.newPage(), `${name} on paper`);
        await page.goto(address(name));
        const pdf = (await page.pdf({ preferCSSPageSize: true, printBackground: true })).toString("latin1");
        const pages = pdf.match(/\/Type\s*\/Page\b/g).length;
        expect(`${name} on paper, pages`, pages, await page.locator(".slide").count());
        expect(`${name} on paper, size`, /\/MediaBox\s*\[0 0 960 540\]/.test(pdf), true);
        await page.close();
    }
    await context.close();
}

await look(1280, 720);
await look(1920, 1080);
await present();
await print();
await browser.close();
console.log(`${decks.length} decks, ${slides} slides looked at`);
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length ? 1 : 0;
