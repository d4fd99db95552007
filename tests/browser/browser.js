// A browser of its own for every test, and what must hold on every page.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach } from "node:test";
import { chromium } from "playwright-core";

import { PASSWORD, start } from "./server.js";

export { PASSWORD };

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOTS = new URL("../../target/screenshots/", import.meta.url).pathname;
export const USERS = "/api/v1/users/user/";
// Differs between runs, so that a server can be tested twice.
export const RUN = Date.now().toString(36);

let browser;
let server;
// The browser window of the test that runs, without cookies at first.
export let context;
export let page;
let troubles;

before(async () => {
  await mkdir(SHOTS, { recursive: true });
  server = await start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

beforeEach(async () => {
  troubles = [];
  context = await browser.newContext({ baseURL: server.url, viewport: { width: 1280, height: 900 } });
  page = await watched(context);
});

afterEach(async () => {
  await context.close();
  assert.deepEqual(troubles, []);
});

// A page whose every complaint, script dialog and request elsewhere is noted.
async function watched(context) {
  const page = await context.newPage();
  page.on("console", (message) => {
    // Chromium writes a line for every answer of 400 and more; those are what some tests ask for.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (["error", "warning"].includes(message.type()) && !isStatus) troubles.push(message.text());
  });
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("dialog", (dialog) => {
    troubles.push(`a script ran: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== server.url) troubles.push(`a request to ${url.origin}`);
  });
  return page;
}

export async function signIn(next = "", username = "admin", password = PASSWORD) {
  await page.goto(`/accounts/login/${next && `?next=${encodeURIComponent(next)}`}`);
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// No finding of axe that is serious or critical.
async function isAccessible(what) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = serious.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
  assert.deepEqual(told, []);
}

const SIZES = {
  360: [{ width: 360, height: 740 }, "light"],
  1280: [{ width: 1280, height: 900 }, "light"],
  "1280-dark": [{ width: 1280, height: 900 }, "dark"],
};

// Pictures of the page in sizes and colours, where it must be accessible and not scroll sideways.
export async function picture(name, sizes = Object.keys(SIZES)) {
  for (const size of sizes) {
    const [viewport, colorScheme] = SIZES[size];
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    await page.evaluate(async () => {
      await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
      await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
    });
    await isAccessible(`${name} ${size}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(overflow, 0, `${name} at ${size} scrolls sideways`);
    await page.screenshot({ path: `${SHOTS}${name}-${size}.png`, fullPage: true, timeout: 180_000 });
  }
  await page.setViewportSize(SIZES[1280][0]);
  await page.emulateMedia({ colorScheme: "light" });
}

