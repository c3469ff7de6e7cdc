// Opens every page of the built book in headless Chromium, wide and narrow, light and dark, and plays every figure
// through. `node pages.mjs FOLDER [SCREENSHOTS]`: complains on standard error and exits with 1 if anything is wrong.
//
//   - no message on the console, no exception
//   - nothing is asked for that is not in the folder (the book is opened from the disk, and must need no network)
//   - the page itself does not scroll sideways, at 360 px and at 1280 px
//   - every figure starts, each of its controls can be reached and used by keyboard, and says what it did
//   - on paper a figure is its static picture
//   - at 360 px no text in a picture or figure is smaller than 11 px; at 1280 px no code of a page scrolls sideways

import { mkdirSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [folder, screenshots] = process.argv.slice(2);
// A page may have to wait for a compiler that runs beside it.
const PATIENCE = 120_000;
const complaints = [];
let played = 0;

const pages = readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".html") && !["404.html", "toc.html"].includes(name))
    .sort();

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
});

/** A window of its own for each width, and a fresh page in it, with everything that may go wrong written down. */
async function open(context, name, width, theme) {
    const page = await context.newPage();
    const complain = (what) => complaints.push(`${name} (${width} px, ${theme}): ${what}`);
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complain(message.text());
    });
    page.on("pageerror", (error) => complain(error.message));
    page.on("request", (request) => {
        const url = request.url();
        if (!url.startsWith(pathToFileURL(folder).href) && !url.startsWith("data:") && !url.startsWith("blob:")) {
            complain(`asks for ${url}`);
        }
    });
    page.on("requestfailed", (request) => complain(`${request.url()}: ${request.failure()?.errorText}`));
    await page.goto(pathToFileURL(join(folder, name)).href);
    // What is folded is part of the page too.
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    for (const figure of await page.$$("[data-figure]")) {
        await figure.waitForElementState("visible");
        await page.waitForFunction((figure) => figure.dataset.ready === "true", figure);
    }
    return { page, complain };
}

async function expectNoSidewaysScroll(page, complain) {
    const [content, window] = await page.evaluate(() => [
        document.scrollingElement.scrollWidth,
        document.scrollingElement.clientWidth,
    ]);
    if (content > window) {
        const widest = await page.evaluate((width) => {
            const wide = [...document.querySelectorAll("main *")].filter((node) => {
                const clipped = node.parentElement.closest("pre, .table-wrapper, .scroll, svg");
                return !clipped && node.getBoundingClientRect().right > width + 1;
            });
            return wide
                .slice(0, 3)
                .map((node) => `<${node.tagName.toLowerCase()}> ${node.textContent.trim().slice(0, 60)}`);
        }, window);
        complain(`is ${content} px wide: ${widest.join(" | ")}`);
    }
}

/** Text in pictures and figures, also in the static picture of a figure, which is for readers without JavaScript. */
async function expectLargeText(page, complain) {
    const small = await page.evaluate(() => {
        const sizes = [];
        for (const svg of document.querySelectorAll("main svg:has(text)")) {
            const hidden = svg.getClientRects().length === 0;
            if (hidden) svg.style.setProperty("display", "block", "important");
            for (const text of svg.querySelectorAll("text")) {
                sizes.push([parseFloat(getComputedStyle(text).fontSize) * svg.getScreenCTM().a, text.textContent]);
            }
            if (hidden) svg.style.removeProperty("display");
        }
        for (const node of document.querySelectorAll("main .figure *, main .picture *")) {
            if (node.closest("svg, script, style")) continue;
            const own = [...node.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE);
            if (!own.some((child) => child.textContent.trim()) || node.getClientRects().length === 0) continue;
            sizes.push([parseFloat(getComputedStyle(node).fontSize), node.textContent]);
        }
        return sizes.filter(([size]) => size < 11).map(([size, text]) => `${size.toFixed(1)} px: "${text.trim().slice(0, 40)}"`);
    });
    if (small.length > 0) complain(`${small.length} small texts, such as ${small.slice(0, 3).join(", ")}`);
}

/** Verdicts are tables of steps, with a column for each thread; they and other output may scroll in their box. */
async function expectCodeFits(page, complain) {
    const wide = await page.$$eval("pre > code.language-rust", (blocks) =>
        blocks
            .filter((block) => [block, block.parentElement].some((box) => box.scrollWidth > box.clientWidth))
            .map((block) => block.textContent.split("\n").reduce((a, b) => (b.length > a.length ? b : a)).trim()),
    );
    for (const line of wide) complain(`code scrolls sideways: ${line}`);
}

/** Uses every control of a figure, by keyboard, twice; what is spoken must change at least once. */
async function play(page, complain) {
    for (const figure of await page.$$("[data-figure]")) {
        const name = await figure.getAttribute("data-figure");
        const live = await figure.$('[aria-live="polite"]');
        if (!live) {
            complain(`figure ${name} has no live region`);
            continue;
        }
        const heard = new Set([await live.textContent()]);
        const count = (await figure.$$("button, select, input")).length;
        if (count === 0) complain(`figure ${name} has no controls`);
        for (let round = 0; round < 2; round++) {
            for (let index = 0; index < count; index++) {
                const control = (await figure.$$("button, select, input"))[index];
                if (!control || !(await control.isVisible()) || !(await control.isEnabled())) continue;
                const label = await control.evaluate(
                    (node) => node.getAttribute("aria-label") ?? (node.labels?.[0]?.textContent || node.textContent),
                );
                if (!label?.trim()) complain(`figure ${name} has a control without a name`);
                await control.focus();
                const focused = await control.evaluate((node) => node === document.activeElement);
                if (!focused) complain(`figure ${name}: "${label}" cannot be focused`);
                const kind = await control.evaluate((node) => `${node.tagName} ${node.type}`);
                if (kind.startsWith("BUTTON") || kind.includes("checkbox")) await page.keyboard.press("Space");
                else if (kind.startsWith("SELECT") || kind.includes("range") || kind.includes("number"))
                    await page.keyboard.press("ArrowDown");
                else if (kind.includes("radio")) await page.keyboard.press("Space");
                heard.add(await live.textContent());
            }
        }
        if (heard.size < 2) complain(`figure ${name} says nothing when it is used`);
        played++;
    }
}

const ways = [
    [360, "navy"],
    [1280, "light"],
];

async function look([width, theme]) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
    context.setDefaultTimeout(PATIENCE);
    await context.addInitScript((theme) => localStorage.setItem("mdbook-theme", theme), theme);
    for (const name of pages) {
        // All pages in one are for paper.
        const isPrint = name === "print.html";
        if (isPrint && theme !== "light") continue;
        const { page, complain } = await open(context, name, width, theme);
        if (!isPrint) await expectNoSidewaysScroll(page, complain);
        if (width < 600) await expectLargeText(page, complain);
        else if (!isPrint) await expectCodeFits(page, complain);
        const picture = async (suffix) => {
            if (!screenshots) return;
            mkdirSync(screenshots, { recursive: true });
            const file = `${relative(".", name).replaceAll("/", "-")}-${width}${suffix}.png`;
            await page.screenshot({ path: join(screenshots, file), fullPage: true });
        };
        await picture("");
        const figures = await page.$$("[data-figure]");
        if (figures.length > 0) {
            if (!isPrint) {
                await play(page, complain);
                await expectNoSidewaysScroll(page, complain);
                await picture("-played");
            }
            await page.emulateMedia({ media: "print" });
            for (const figure of figures) await expectStaticPicture(figure, complain);
        }
        await page.close();
    }
    await context.close();
}

/** On paper there is nothing to play with. */
async function expectStaticPicture(figure, complain) {
    const shown = await figure.$$eval(":scope > *", (children) =>
        children
            .filter((child) => child.getBoundingClientRect().height > 0 && child.tagName !== "FIGCAPTION")
            .map((child) => child.classList.contains("static")),
    );
    if (shown.length === 0 || shown.includes(false)) complain("a figure's static picture is not what paper shows");
}

await Promise.all(ways.map(look));
await browser.close();
console.log(`${pages.length} pages, figures played ${played} times`);
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length ? 1 : 0;
