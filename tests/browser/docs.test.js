// The documentation as a person uses it, in Chromium.

import assert from "node:assert/strict";
import { test } from "node:test";

import { PASSWORD, USERS, page, picture, signIn } from "./browser.js";

const DOCS = "/api/v1/docs/";

async function openDocs() {
  await signIn(DOCS);
  await page.waitForURL((url) => url.pathname === DOCS);
  await page.locator(".opblock-tag").first().waitFor();
}

test("a request is tried out with a token", async () => {
  const answer = await page.request.post("/api/v1/users/token/", { data: { username: "admin", password: PASSWORD } });
  const { token } = await answer.json();
  await openDocs();
  await page.getByRole("button", { name: "Authorize" }).click();
  const way = page.locator(".auth-container").filter({ hasText: "Bearer" }).first();
  await way.getByRole("textbox").fill(token);
  await way.getByRole("button", { name: "Apply credentials" }).click();
  await way.getByRole("button", { name: "Close" }).click();

  await page.locator('[data-tag="OpenWISP: users"]').click();
  const operation = page.locator(".opblock-get").filter({ has: page.locator(`[data-path="${USERS}"]`) });
  await operation.locator(".opblock-summary-control").click();
  await picture("documentation-operation");
  await operation.getByRole("button", { name: "Try it out" }).click();
  const sent = page.waitForRequest((request) => new URL(request.url()).pathname === USERS);
  await operation.getByRole("button", { name: "Execute" }).click();
  assert.equal(await (await sent).headerValue("authorization"), `Bearer ${token}`);
  const live = operation.locator(".live-responses-table");
  await live.getByText('"username"').first().waitFor();
  assert.equal(await live.locator("tbody .response-col_status").innerText(), "200");
});

test("the documentation shows every operation", async () => {
  await openDocs();
  await picture("documentation");
  const document = await (await page.request.get("/api/v1/docs.json")).json();
  // HEAD and OPTIONS, a hundred alike, have a part of their own, which takes minutes to show.
  const operations = Object.values(document.paths).flatMap(Object.values).filter(({ tags }) => tags && !tags.includes("HEAD and OPTIONS"));
  for (const section of await page.locator(".opblock-tag-section").filter({ hasNotText: "HEAD and OPTIONS" }).all()) {
    await section.locator(".opblock-tag").evaluate((tag) => tag.click());
    await section.locator(".opblock").first().waitFor();
  }
  assert.equal(await page.locator(".opblock").count(), operations.length);
  assert.ok(operations.length > 50);
});

test("the reference needs no scripts", async () => {
  await signIn("/api/v1/redoc/");
  await page.waitForURL((url) => url.pathname === "/api/v1/redoc/");
  // It is long, and axe takes its time for each.
  await picture("reference", ["360"]);
  assert.equal(await page.locator("script").count(), 0);
  await page.getByRole("navigation", { name: "Operations" }).getByRole("link").nth(10).click();
  const hash = await page.evaluate(() => location.hash.slice(1));
  assert.equal(await page.locator(`[id="${hash}"]`).count(), 1);
});
