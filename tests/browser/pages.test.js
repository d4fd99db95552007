// Rollcall's pages as a person uses them, in Chromium.

import assert from "node:assert/strict";
import { test } from "node:test";

import { PASSWORD, RUN, USERS, context, page, picture, signIn } from "./browser.js";

const section = (name) => page.locator("details", { has: page.getByRole("heading", { name, exact: true }) });

async function open(name) {
  const found = section(name);
  if (!(await found.getAttribute("open").then((value) => value !== null))) await found.locator("summary").click();
  return found;
}

const at = (end) => page.waitForURL((url) => url.href.endsWith(end));
const shown = () => page.locator("pre.answer");

// Makes a user by the form, and gives its address.
async function create(username, fields = {}) {
  await page.goto(USERS);
  const form = await open("Create");
  await form.getByLabel("Username").fill(username);
  await form.getByLabel("Email address").fill(`${username}@mail.example`);
  await form.getByLabel("Password").fill("Orchid-lantern-42");
  for (const [label, value] of Object.entries(fields)) await form.getByLabel(label).fill(value);
  await form.getByRole("button", { name: "Send" }).click();
  await shown().getByText("HTTP 201 Created").waitFor();
  return shown().locator(`a[href^="${USERS}"]`).first().getAttribute("href");
}

test("a stranger is led to sign in and back", async () => {
  const answer = await page.goto(`${USERS}?page_size=2`);
  assert.equal(answer.status(), 401);
  await picture("stranger");
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await picture("sign-in");
  await page.getByLabel("User name").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("User name").inputValue(), "admin");
  await picture("sign-in-failed");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await at(`${USERS}?page_size=2`);
  assert.match(await shown().innerText(), /HTTP 200 OK/);
  await picture("list");
});

test("signing out ends the session", async () => {
  await signIn();
  await page.getByRole("button", { name: "Sign out" }).click();
  await at("/accounts/login/");
  assert.equal((await page.goto(USERS)).status(), 401);
  assert.deepEqual((await context.cookies()).map(({ name }) => name), ["csrftoken"]);
});

test("cookies are kept from scripts and from other sites", async () => {
  await signIn();
  const session = (await context.cookies()).find(({ name }) => name === "sessionid");
  assert.deepEqual([session.httpOnly, session.sameSite, session.path], [true, "Lax", "/"]);
});

test("a user is made, changed and deleted by forms", async () => {
  await signIn();
  const name = `jane-${RUN}`;
  const path = await create(name, { "First name": "Jane" });
  await shown().locator(`a[href="${path}"]`).first().click();
  await at(`${path}`);
  const trail = page.getByRole("navigation", { name: "Breadcrumb" });
  assert.deepEqual(await trail.getByRole("listitem").allInnerTexts(), ["Users", name]);
  let form = await open("Change");
  assert.equal(await form.getByLabel("First name").inputValue(), "Jane");
  assert.equal(await form.getByLabel("Active").isChecked(), true);
  await picture("user-change");
  await form.getByLabel("Bio").fill("Keeps the library.");
  await form.getByLabel("Birth date").fill("1990-02-28");
  await form.getByLabel("Operator").check();
  await form.getByRole("button", { name: "Save" }).click();
  await shown().getByText("HTTP 200 OK").waitFor();
  form = await open("Change");
  assert.equal(await form.getByLabel("Bio").inputValue(), "Keeps the library.");
  assert.equal(await form.getByLabel("Operator").isChecked(), true);
  assert.match(await page.locator(".request code").innerText(), /^PUT /);

  form = await open("Raw data");
  await form.getByLabel("JSON").fill('{"last_name": "Doe"}');
  await form.getByLabel("Method").selectOption("PATCH");
  await form.getByRole("button", { name: "Send" }).click();
  await shown().getByText('"Doe"').waitFor();

  form = section("Delete");
  assert.equal(await form.getByRole("button").isVisible(), false, "one step before");
  await open("Delete");
  await picture("user-delete");
  await form.getByRole("button", { name: "Delete this" }).click();
  await shown().getByText("HTTP 204 No Content").waitFor();
  await picture("deleted");
  assert.equal((await page.goto(path)).status(), 404);
});

test("what is wrong is told beside its field", async () => {
  await signIn();
  await page.goto(USERS);
  let form = await open("Create");
  await picture("create");
  await form.getByLabel("Username").fill("not a name");
  await form.getByLabel("Email address").fill("nobody");
  await form.getByLabel("First name").fill("Kept");
  await form.getByRole("button", { name: "Send" }).click();
  await shown().getByText("HTTP 400 Bad Request").waitFor();
  form = section("Create");
  for (const [label, told] of [
    ["Username", /^Enter a valid username\./],
    ["Email address", /^Enter a valid email address\./],
    ["Password", /^This field may not be blank\./],
  ]) {
    const input = form.getByLabel(label);
    assert.equal(await input.getAttribute("aria-invalid"), "true");
    const described = (await input.getAttribute("aria-describedby")).split(" ")[0];
    assert.match(await page.locator(`#${described}`).innerText(), told);
  }
  assert.equal(await form.getByLabel("Username").inputValue(), "not a name");
  assert.equal(await form.getByLabel("First name").inputValue(), "Kept");
  await picture("refused");
  await page.getByRole("alert").getByRole("link", { name: "Username" }).click();
  assert.equal(await page.evaluate(() => location.hash), "#field-username");
});

test("one pages through a list", async () => {
  await signIn();
  for (const letter of ["a", "b"]) await create(`paged-${letter}-${RUN}`);
  await page.goto(`${USERS}?page_size=1`);
  const pages = page.getByRole("navigation", { name: "Pages" });
  await pages.getByRole("link", { name: "Next" }).click();
  await at("page=2&page_size=1");
  assert.match(await pages.innerText(), /Page 2 of \d+/);
  await shown().getByText(`paged-a-${RUN}@mail.example`).waitFor();
  await pages.getByRole("link", { name: "Previous" }).click();
  await shown().getByText(`paged-b-${RUN}@mail.example`).waitFor();
});

test("every address of a user can be reached and asked for its OPTIONS", async () => {
  await signIn();
  const path = await create(`walked-${RUN}`);
  await page.goto(path);
  await page.getByRole("link", { name: "E-mail addresses" }).click();
  await at(`${path}email/`);
  const form = await open("Create");
  await form.getByLabel("Email address").fill(`second.${RUN}@mail.example`);
  await form.getByRole("button", { name: "Send" }).click();
  await shown().getByText("HTTP 201 Created").waitFor();
  await shown().locator("a").first().click();
  await page.waitForURL(/email\/\d+\/$/);
  await picture("address");
  await page.getByRole("button", { name: "OPTIONS" }).click();
  await shown().getByText('"Email Update"').waitFor();
  await page.getByRole("navigation", { name: "Breadcrumb" }).getByRole("link").nth(1).click();
  await at(`${path}`);
  await page.getByRole("link", { name: "Set password" }).click();
  await page.getByLabel("New password").fill("Quarry-violet-77");
  await page.getByLabel("Confirm password").fill("Quarry-violet-78");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The two password fields didn’t match.").first().waitFor();
  await picture("password");
});

test("groups and organizations are made by forms", async () => {
  await signIn();
  await page.getByRole("link", { name: "Groups" }).click();
  await at("/group/");
  let form = await open("Create");
  await form.getByLabel("Name").fill(`Readers ${RUN}`);
  await form.getByLabel("user | Can view user", { exact: true }).check();
  await picture("group-create");
  await form.getByRole("button", { name: "Send" }).click();
  await shown().getByText("HTTP 201 Created").waitFor();
  await shown().locator("a").first().click();
  await page.waitForURL(/group\/\d+\/$/);
  form = await open("Change");
  assert.equal(await form.getByLabel("user | Can view user", { exact: true }).isChecked(), true);
  await page.getByRole("link", { name: "Organizations" }).click();
  await at("/organization/");
  form = await open("Create");
  assert.equal(await form.getByLabel("Is active").isChecked(), true);
  await form.getByLabel("Name").fill("Library");
  await form.getByLabel("Slug").fill(`library-${RUN}`);
  await form.getByRole("button", { name: "Send" }).click();
  await shown().getByText("HTTP 201 Created").waitFor();
  await shown().locator("a").first().click();
  await page.waitForURL(/organization\/[0-9a-f-]+\/$/);
  await picture("organization");
});

test("what is stored never runs", async () => {
  await signIn();
  const hostile = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea><script>alert(1)</script>",
    "</pre><svg onload=alert(1)>",
    "' autofocus onfocus='alert(1)",
  ];
  const path = await create(`hostile-${RUN}`);
  for (const [index, text] of hostile.entries()) {
    await page.goto(path);
    const form = await open("Change");
    for (const label of ["First name", "Last name", "Bio", "Location", "Notes"]) await form.getByLabel(label).fill(text);
    await form.getByLabel("Company").fill(text.slice(0, 30));
    // Refused, and shown for that reason.
    if (index % 2) await form.getByRole("textbox", { name: "Email address" }).fill(text);
    await form.getByRole("button", { name: "Save" }).click();
    await shown().getByText(index % 2 ? "HTTP 400 Bad Request" : "HTTP 200 OK").waitFor();
    if (index % 2 === 0) assert.equal(await section("Change").getByLabel("Notes").inputValue(), text);
    await page.goto(`${USERS}?x=${encodeURIComponent(text)}`);
    await shown().getByText("HTTP 200 OK").waitFor();
  }
  assert.equal(await page.locator("img, svg, script").count(), 0);
  await page.goto(path);
  await picture("hostile");
});

test("the keyboard is enough", async () => {
  await page.goto("/accounts/login/");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("Tab");
  await page.keyboard.type("admin");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await at(`${USERS}`);
  await section("Create").locator("summary").focus();
  await page.keyboard.press("Enter");
  await section("Create").getByLabel("Username").waitFor();
});

test("the own password, sessions and tokens are on one page", async () => {
  await signIn();
  const name = `owner-${RUN}`;
  await create(name);
  const password = "Orchid-lantern-42";
  const made = await page.request.post("/api/users/token/", { data: { username: name, password } });
  const { token } = await made.json();
  // Two sessions: the first is that of a browser that has lost its cookies.
  for (const _ of [1, 2]) {
    await context.clearCookies();
    await signIn("", name, password);
    await at(`${USERS}`);
  }
  await page.getByTitle("Your account").click();
  await at("/accounts/me/");
  const sessions = page.getByRole("region", { name: "Where you are signed in" }).getByRole("row");
  assert.equal(await sessions.count(), 3);
  await page.getByText("This browser").waitFor();
  await picture("account");

  await page.getByRole("button", { name: "End session" }).click();
  await page.getByRole("status").getByText("The session has ended.").waitFor();
  assert.equal(await sessions.count(), 2);

  const bearer = { headers: { Authorization: `Bearer ${token}` } };
  assert.equal((await page.request.get("/api/rollcall/v1/me/tokens/", bearer)).status(), 200);
  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByText("You have no API tokens.").waitFor();
  assert.equal((await page.request.get("/api/rollcall/v1/me/tokens/", bearer)).status(), 401);

  await page.getByLabel("Current password").fill("wrong");
  await page.getByLabel("New password", { exact: true }).fill("Copper-kettle-77");
  await page.getByLabel("New password again").fill("Copper-kettle-77");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("alert").waitFor();
  await picture("account-refused");
  await page.getByLabel("Current password").fill(password);
  await page.getByLabel("New password", { exact: true }).fill("Copper-kettle-77");
  await page.getByLabel("New password again").fill("Copper-kettle-77");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("status").waitFor();

  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.waitForURL((url) => url.pathname === "/accounts/login/");
  await signIn("", name, "Copper-kettle-77");
  await at(`${USERS}`);
});

test("the home page tells what this is and leads to signing in", async () => {
  await page.goto("/");
  await picture("home");
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await at("/accounts/login/");
  await signIn();
  await page.getByRole("link", { name: "Rollcall" }).click();
  await at("/");
  await page.getByRole("main").getByRole("link", { name: "Users" }).waitFor();
  await picture("home-signed-in");
});

test("people are found by the form above their list", async () => {
  await signIn(USERS);
  await create(`finder-${RUN}`);
  await page.goto(USERS);
  const form = page.getByRole("search");
  await form.getByLabel("Search").fill(`FINDER-${RUN} mail`);
  await form.getByLabel("Active").selectOption("Yes");
  await picture("filters");
  await form.getByRole("button", { name: "Search" }).click();
  await page.getByText("1 in total").waitFor();
  assert.equal(await form.getByLabel("Search").inputValue(), `FINDER-${RUN} mail`);
  await form.getByLabel("Active").selectOption("No");
  await form.getByRole("button", { name: "Search" }).click();
  await page.getByText("0 in total").waitFor();
  await form.getByRole("link", { name: "Show all" }).click();
  await at(USERS);
});

test("pages of the account and of tokens look alike", async () => {
  for (const [name, path] of [
    ["sign-out", "/accounts/logout/"],
    ["confirm-expired", "/accounts/confirm-email/x/"],
    ["reset-done", "/accounts/password/reset/key/done/"],
    ["token", "/api/v1/users/token/"],
    ["reset", "/api/v1/users/password/reset/"],
    ["documentation-refused", "/api/v1/docs/"],
  ]) {
    await page.goto(path);
    await picture(name);
  }
  await page.goto("/api/v1/users/token/");
  await page.getByLabel("Username").fill("admin");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Send" }).click();
  await shown().getByText('"token"').waitFor();
});
