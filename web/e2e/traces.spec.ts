import type { Page } from "playwright-core";
import { describe, expect, inject, test } from "vitest";
import { testKey } from "../fixtures/server";
import { expectAccessible, shoot, withBrowser, withPage } from "./browser";
import { playDemo } from "./tiltmeter";

const base = inject("baseUrl");
const fixture = inject("fixtureUrl");
const otlpAddr = inject("otlpAddr");
withBrowser();

const rows = "[role=grid] [role=rowgroup] [role=row]";
const list = "[role=grid]";
const body = "[role=grid] [role=rowgroup]";

/** The traces that stand in the document, top first. */
const shownIds = (page: Page) =>
  page.locator(`${rows} a`).evaluateAll((links) => links.map((a) => /traces\/([0-9a-f]+)/.exec(a.getAttribute("href") ?? "")?.[1] ?? ""));

describe("the trace list", () => {
  test.each(["light", "dark"] as const)("shows traces, facets and the histogram (%s)", async (colorScheme) => {
    await withPage(`${base}/traces?range=30d`, { colorScheme }, async ({ page, problems }) => {
      await page.waitForSelector(rows);
      await page.waitForSelector("aside input[type=checkbox]");
      expect(await page.getByRole("img", { name: /traces?, .* with errors/ }).count()).toBe(1);
      await shoot(page, `list-${colorScheme}`);
      await expectAccessible(page);
      expect(problems).toEqual([]);
    });
  });

  test("a ticked facet becomes a filter in the address, and unticking takes it back", async () => {
    await withPage(`${base}/traces?range=30d`, {}, async ({ page }) => {
      // The rarest one, so that all of its traces fit on the first page.
      const box = page.locator("aside fieldset", { hasText: "Service" }).locator("label").last();
      const value = (await box.locator("span").first().textContent()) ?? "";
      const count = Number((await box.textContent())?.replace(value, ""));
      expect(count).toBeGreaterThan(0);
      await box.click();
      await page.waitForURL((url) => url.searchParams.getAll("filter").includes(`service = ${value}`));
      await page.getByRole("button", { name: `Remove the filter service = ${value}` }).waitFor();
      await page.waitForSelector(`${list}[aria-rowcount="${count + 1}"]`);
      expect(await page.locator(rows).count()).toBeGreaterThan(0);
      await page.getByRole("button", { name: `Remove the filter service = ${value}` }).click();
      await page.waitForURL((url) => !url.searchParams.has("filter"));
    });
  });

  test("the filter bar completes a field, an operator and a value", async () => {
    await withPage(`${base}/traces?range=30d`, {}, async ({ page }) => {
      await page.waitForSelector(rows);
      await page.keyboard.press("f");
      await page.keyboard.type("mod");
      await page.getByRole("option", { name: /^model / }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("option", { name: /^= is/ }).waitFor();
      await page.keyboard.press("Enter");
      const first = page.getByRole("option").first();
      await first.waitFor();
      await shoot(page, "filter");
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("Enter");
      await page.waitForURL((url) => url.searchParams.getAll("filter").some((f) => f.startsWith("model = ")));
    });
  });

  test("Enter takes what is highlighted, Escape leaves what was typed, Tab goes on", async () => {
    await withPage(`${fixture}/traces`, {}, async ({ page }) => {
      await page.waitForSelector(rows);
      const field = page.getByRole("combobox", { name: "Add a filter" });
      await field.click();
      await page.keyboard.type("model = claude-so");
      await page.getByRole("option", { name: /^claude-sonnet-4-5/, selected: true }).waitFor();
      await page.keyboard.press("Enter");
      await page.waitForURL((url) => url.searchParams.getAll("filter").includes("model = claude-sonnet-4-5"));
      await page.keyboard.type("service = help");
      await page.getByRole("option", { name: /^helpdesk-api/ }).waitFor();
      await page.keyboard.press("Escape");
      await page.keyboard.press("Enter");
      await page.waitForURL((url) => url.searchParams.getAll("filter").includes("service = help"));
      await page.keyboard.type("duration > 2s");
      await page.keyboard.press("Tab");
      expect(await field.evaluate((el) => el === document.activeElement)).toBe(false);
      await field.focus();
      await page.keyboard.press("Shift+Tab");
      expect(await field.evaluate((el) => el === document.activeElement)).toBe(false);
    });
  });

  test("what is empty can be asked for", async () => {
    await withPage(`${base}/traces?range=30d`, {}, async ({ page, problems }) => {
      await page.waitForSelector(rows);
      await page.keyboard.press("f");
      await page.keyboard.type('operation = ""');
      await page.keyboard.press("Enter");
      await page.waitForURL((url) => url.searchParams.getAll("filter").includes('operation = ""'));
      await page.getByText("(empty)").first().waitFor();
      await page.waitForSelector(rows);
      expect(problems).toEqual([]);
    });
  });

  test("a ticked box does not silence the keys", async () => {
    await withPage(`${fixture}/traces`, {}, async ({ page }) => {
      await page.waitForSelector(rows);
      await page.locator("aside label").first().click();
      await page.waitForURL((url) => url.searchParams.has("filter"));
      await page.waitForSelector(rows);
      await page.keyboard.press("j");
      await page.waitForSelector(`${rows}[aria-rowindex="2"][aria-selected=true]`);
    });
  });

  test("a click with Control opens a new tab and leaves this one", async () => {
    await withPage(`${fixture}/traces`, {}, async ({ page }) => {
      for (const target of [page.locator(`${rows} a`).first(), page.locator(`${rows} [role=gridcell]`).first()]) {
        const [tab] = await Promise.all([page.context().waitForEvent("page"), target.click({ modifiers: ["Control"] })]);
        await tab.waitForURL(/\/traces\/[0-9a-f]{32}/);
        await tab.close();
        expect(new URL(page.url()).pathname).toBe("/traces");
      }
    });
  });

  test("the way back from a trace leads to the list as it was", async () => {
    await withPage(`${base}/traces?range=30d&filter=status+%3D+ok`, {}, async ({ page }) => {
      const link = page.locator(`${rows} a`).first();
      await link.click();
      const back = page.getByRole("link", { name: "Back to the list" });
      await back.click();
      await page.waitForURL((url) => url.pathname === "/traces" && url.searchParams.get("range") === "30d" && url.searchParams.get("filter") === "status = ok");
      await link.click();
      await back.waitFor();
      await page.keyboard.press("Escape");
      await page.waitForURL((url) => url.pathname === "/traces" && url.searchParams.get("filter") === "status = ok");
    });
  });

  test("the command menu shows whole rows, each key once, and follows the arrows", async () => {
    await withPage(`${fixture}/traces`, {}, async ({ page, problems }) => {
      await page.waitForSelector(rows);
      await page.keyboard.press("Control+k");
      const menu = page.getByRole("listbox", { name: "Commands" });
      await menu.waitFor();
      const keys = await menu.locator("kbd").allTextContents();
      expect(keys).toContain("r");
      expect(new Set(keys).size).toBe(keys.length);
      const rowsSeen = await menu.evaluate((el) => el.getBoundingClientRect().height / el.children[0]!.getBoundingClientRect().height);
      expect(rowsSeen).toBeCloseTo(Math.round(rowsSeen), 2);
      await page.keyboard.press("ArrowUp");
      const last = menu.getByRole("option").last();
      expect(await last.getAttribute("aria-selected")).toBe("true");
      const [box, row] = await Promise.all([menu.boundingBox(), last.boundingBox()]);
      expect(row!.y + row!.height).toBeLessThanOrEqual(box!.y + box!.height + 1);
      await shoot(page, "menu");
      await expectAccessible(page);
      expect(problems).toEqual([]);
    });
  });

  test("the short address keeps what is asked for", async () => {
    await withPage(`${fixture}/?filter=service+%3D+forge-bot&range=7d&project=many`, {}, async ({ page }) => {
      await page.waitForURL((url) => url.pathname === "/traces");
      const { searchParams } = new URL(page.url());
      expect([searchParams.getAll("filter"), searchParams.get("range"), searchParams.get("project")]).toEqual([["service = forge-bot"], "7d", "many"]);
      await page.getByRole("button", { name: "Remove the filter service = forge-bot" }).waitFor();
    });
  });

  test("the project stays, whichever way one goes", async () => {
    await withPage(`${fixture}/traces?project=many`, {}, async ({ page }) => {
      const stays = (path: RegExp) => page.waitForURL((url) => path.test(url.pathname) && url.searchParams.get("project") === "many");
      await page.waitForSelector(rows);
      await page.keyboard.press("i");
      await stays(/^\/ingest/);
      await page.keyboard.press("t");
      await stays(/^\/traces$/);
      await page.keyboard.press("Control+k");
      await page.keyboard.type("2".padStart(32, "0"));
      await page.keyboard.press("Enter");
      await stays(/^\/traces\/0+2$/);
      await page.getByRole("link", { name: "Tiltmeter, to the traces" }).click();
      await stays(/^\/traces$/);
    });
  });

  test("what is shown stays when asking for news fails", async () => {
    await withPage(`${fixture}/traces?project=weary`, {}, async ({ page }) => {
      await page.waitForSelector(rows);
      await page.waitForSelector("aside input");
      // Asks the same again, as a look back after a while does.
      await page.keyboard.press("Control+k");
      await page.keyboard.type("Ask the server again");
      await page.keyboard.press("Enter");
      await page.getByText(/could not be brought up to date/).waitFor();
      await shoot(page, "stale");
      expect(await page.locator(rows).count()).toBeGreaterThan(5);
      await expectAccessible(page);
    });
  });

  test("keys move the cursor, open a trace, and come back to the same row", async () => {
    await withPage(`${base}/traces?range=30d`, {}, async ({ page }) => {
      await page.waitForSelector(rows);
      for (let i = 0; i < 3; i++) await page.keyboard.press("j");
      await page.keyboard.press("k");
      await page.waitForSelector(`${rows}[aria-rowindex="3"][aria-selected=true]`);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
      await page.waitForSelector("[role=treegrid]");
      await page.keyboard.press("Escape");
      await page.waitForSelector(`${rows}[aria-rowindex="3"][aria-selected=true]`);
    });
  });

  test("the search shows traces and the passages themselves", async () => {
    await withPage(`${fixture}/traces`, {}, async ({ page }) => {
      await page.waitForSelector(rows);
      await page.keyboard.press("/");
      await page.keyboard.type("refund");
      await page.keyboard.press("Enter");
      await page.waitForURL((url) => url.searchParams.get("query") === "refund");
      await page.getByRole("radio", { name: "Passages" }).click();
      await page.waitForSelector("mark");
      await shoot(page, "hits");
      await expectAccessible(page);
      expect((await page.locator("mark").first().textContent())?.toLowerCase()).toBe("refund");
    });
  });

  test("help and the command menu list what can be done", async () => {
    await withPage(`${base}/traces`, {}, async ({ page }) => {
      await page.waitForSelector("main");
      await page.keyboard.press("?");
      await page.getByRole("dialog", { name: "Keys" }).waitFor();
      await expectAccessible(page);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "detached" });
      await page.keyboard.press("Control+k");
      await page.keyboard.type("ingest");
      await shoot(page, "commands");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/ingest/);
    });
  });

  test("10,000 rows come page by page and few of them stand in the document", async () => {
    await withPage(`${fixture}/traces?project=many`, {}, async ({ page, problems }) => {
      await page.waitForSelector(rows);
      await expect
        .poll(
          async () => {
            await page.locator(body).evaluate((el) => el.scrollTo({ top: el.scrollHeight }));
            return page.locator("[role=grid]").getAttribute("aria-rowcount");
          },
          { timeout: 50_000, interval: 60 },
        )
        .toBe("10001");
      expect(await page.locator(rows).count()).toBeLessThan(80);
      expect(problems).toEqual([]);
    });
  });
});

describe("the live tail", () => {
  test("brings new traces on top, and lets the reader finish", async () => {
    await withPage(`${fixture}/traces?tail=on`, {}, async ({ page, problems }) => {
      const first = page.locator(`${rows}[aria-rowindex="2"] a`);
      await page.waitForFunction((selector) => document.querySelector(selector)?.getAttribute("href")?.includes("/traces/fe"), `${rows}[aria-rowindex="2"] a`);
      await page.locator(body).evaluate((el) => el.scrollTo({ top: 480 }));
      const read = await page.locator(`${rows}[aria-rowindex="14"] a`).getAttribute("href");
      const pill = page.getByRole("button", { name: /new traces?$/ });
      await pill.waitFor();
      await shoot(page, "tail");
      expect(await page.locator(`${rows}[aria-rowindex="14"] a`).getAttribute("href")).toBe(read);
      await pill.click();
      await pill.waitFor({ state: "detached" });
      expect(await first.getAttribute("href")).toContain("/traces/fe");
      expect(problems).toEqual([]);
    });
  });

  test("loses nothing when it breaks off, nor while a trace is read", async () => {
    await withPage(`${fixture}/traces?project=flaky&tail=on`, {}, async ({ page }) => {
      const numbers = async () => (await shownIds(page)).filter((id) => id.startsWith("fe")).map((id) => Number.parseInt(id.slice(2), 16));
      const expectWhole = (found: number[]) => expect(found).toEqual(found.map((_, i) => found[0]! - i));
      await expect.poll(async () => (await numbers()).length, { timeout: 20_000 }).toBeGreaterThan(4);
      expectWhole(await numbers());
      await page.locator(`${rows} a`).first().click();
      await page.waitForSelector("[role=treegrid]");
      await page.keyboard.press("Escape");
      const before = (await numbers()).length;
      expect(before).toBeGreaterThan(4);
      await expect.poll(async () => (await numbers()).length, { timeout: 20_000 }).toBeGreaterThan(before);
      expectWhole(await numbers());
    });
  });

  test("the cursor stays on its trace while others come in", async () => {
    await withPage(`${fixture}/traces?tail=on`, {}, async ({ page }) => {
      await page.getByText("Live: new traces come in on top.").waitFor();
      await page.waitForSelector(rows);
      await page.keyboard.press("j");
      const under = page.locator(`${rows}[aria-selected=true] a`);
      const read = await under.getAttribute("href");
      await page.getByRole("button", { name: /new traces?$/ }).waitFor();
      expect(await under.getAttribute("href")).toBe(read);
      await page.keyboard.press("Escape");
      // Nobody reads any more: what waited comes in by itself.
      await page.getByRole("button", { name: /new traces?$/ }).waitFor({ state: "detached" });
      expect((await shownIds(page))[0]).toMatch(/^fe/);
    });
  });

  test("shows what a real server takes in", async () => {
    await withPage(`${base}/traces?range=15m`, {}, async ({ page, problems }) => {
      await page.getByRole("button", { name: "Live" }).click();
      await page.waitForURL((url) => url.searchParams.get("tail") === "on");
      await page.getByText("Live: new traces come in on top.").waitFor();
      const before = await page
        .locator(list)
        .getAttribute("aria-rowcount", { timeout: 2_000 })
        .catch(() => "1");
      // Hours of history at once: none of it lies in the range of the list, so all of it comes live.
      await playDemo(otlpAddr, 11, 0.3);
      await expect.poll(async () => Number(await page.locator(list).getAttribute("aria-rowcount")), { timeout: 30_000 }).toBeGreaterThan(Number(before) + 20);
      expect(problems).toEqual([]);
    });
  });
});

describe("when there is nothing to show", () => {
  test("an empty server says where to send, as it listens", async () => {
    await withPage(`${base}/traces?project=nobody`, {}, async ({ page }) => {
      const settings = page.getByText("OTEL_EXPORTER_OTLP_ENDPOINT");
      await settings.waitFor();
      await page.getByRole("radio", { name: "gRPC" }).click();
      await page.getByText(`OTEL_EXPORTER_OTLP_ENDPOINT=http://${otlpAddr}`).waitFor();
      await page.getByText(`tiltmeter demo --endpoint ${otlpAddr}`).waitFor();
      expect(await settings.textContent()).not.toContain("HEADERS");
      await shoot(page, "empty");
      await expectAccessible(page);
    });
  });

  test("where a key is needed, the lines have a place for it", async () => {
    await withPage(`${fixture}/traces?project=empty`, {}, async ({ page }) => {
      await page.getByText("OTEL_EXPORTER_OTLP_ENDPOINT=https://127.0.0.1:24318").waitFor();
      await page.getByText("OTEL_EXPORTER_OTLP_HEADERS=x-api-key=YOUR_KEY").waitFor();
      await page.getByText("tiltmeter keys create --scope ingest --project empty").waitFor();
      await shoot(page, "empty-keys");
      await expectAccessible(page);
    });
  });

  test("an empty stretch of time is told apart from an empty server", async () => {
    await withPage(`${fixture}/traces?project=quiet&range=1h`, {}, async ({ page }) => {
      await page.getByText("7 traces of this project lie outside of it.").waitFor();
      await shoot(page, "quiet");
      await expectAccessible(page);
      await page.getByRole("button", { name: "Last 7 days" }).click();
      await page.waitForSelector(rows);
    });
  });

  test("a narrowed list says so and can be widened", async () => {
    await withPage(`${base}/traces?range=30d&filter=service+%3D+there-is-no-such-service`, {}, async ({ page }) => {
      await page.getByText("No trace matches").waitFor();
      await page.getByRole("button", { name: "Remove all conditions" }).click();
      await page.waitForSelector(rows);
    });
  });

  test("a failure shows the request id and can be tried again", async () => {
    await withPage(`${fixture}/traces?project=broken`, {}, async ({ page }) => {
      await page.getByText("The traces could not be read").waitFor();
      await page.getByText("req-7f3a9c").waitFor();
      await shoot(page, "error");
      await expectAccessible(page);
      await page.getByRole("button", { name: "Try again" }).waitFor();
    });
  });

  test("what is wrong with a filter is said once, with a way out", async () => {
    await withPage(`${base}/traces?range=30d&filter=bogus+%3D+1`, {}, async ({ page }) => {
      await page.getByText("The traces could not be read").waitFor();
      expect(await page.getByText(/unknown field "bogus"/).count()).toBe(1);
      await page.getByRole("button", { name: "Remove all conditions" }).click();
      await page.waitForSelector(rows);
    });
  });

  test("a server that does not answer is said once, live or not", async () => {
    await withPage(`${fixture}/traces?project=broken&tail=on`, {}, async ({ page }) => {
      await page.getByText("The traces could not be read").waitFor();
      expect(await page.getByText(/the engine is restarting/i).count()).toBe(1);
    });
  });

  test("a page whose files do not come says so, and comes when the server is back", async () => {
    await withPage(`${fixture}/traces`, {}, async ({ page, problems }) => {
      await page.waitForSelector(rows);
      await page.route("**/*", (route) => route.abort());
      const failure = page.getByText("This page could not be loaded");
      // A key that comes while the page still settles may be lost, as it is for people, who press it again.
      for (let n = 0; n < 5 && !(await failure.isVisible()); n++) {
        await page.keyboard.press("i");
        await failure.waitFor({ timeout: 4000 }).catch(() => undefined);
      }
      await failure.waitFor();
      await shoot(page, "not-loaded");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("The server still does not answer.").waitFor();
      await page.unroute("**/*");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("term").filter({ hasText: "Received" }).waitFor();
      expect(problems).toEqual([]);
    });
  });

  test("a server that wants a key gets one", async () => {
    await withPage(`${fixture}/traces?project=locked`, {}, async ({ page }) => {
      await page.getByText("This server asks for a key").waitFor();
      // Nobody has tried yet: nothing was refused.
      expect(await page.getByText(/The server said|unauthenticated/i).count()).toBe(0);
      await shoot(page, "key");
      await expectAccessible(page);
      await page.getByLabel(/Key with the scope/).fill(testKey);
      await page.keyboard.press("Enter");
      await page.waitForSelector(rows);
      await page.reload();
      await page.waitForSelector(rows);
      // The key itself is nowhere that a script could read it.
      expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]))).not.toContain(testKey);
      expect(await page.evaluate(() => document.cookie)).toBe("");
      // A key that reads may look at ingest; what it may not do is said in its place.
      await page.keyboard.press("i");
      await page.getByText("needs an admin key").waitFor();
      await page.getByRole("term").filter({ hasText: "Received" }).waitFor();
      await page.keyboard.press("t");
      await page.waitForSelector(rows);
      await page.keyboard.press("Control+k");
      await page.keyboard.type("End the session");
      await page.keyboard.press("Enter");
      await page.getByText("This server asks for a key").waitFor();
    });
  });

  test("a wrong key is refused in its place", async () => {
    await withPage(`${fixture}/traces?project=locked`, {}, async ({ page }) => {
      await page.getByLabel(/Key with the scope/).fill("tm_wrong");
      await page.keyboard.press("Enter");
      await page.getByText("the key is not known here, or was revoked").waitFor();
    });
  });
});

test.each([360, 768])("%i pixels are enough", async (width) => {
  await withPage(`${base}/traces?range=30d`, { viewport: { width, height: 740 } }, async ({ page }) => {
    await page.waitForSelector(rows);
    await shoot(page, `list-${width}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await expectAccessible(page);
    await page.getByRole("button", { name: "Narrow" }).click();
    await page.getByRole("dialog").locator("input[type=checkbox]").first().waitFor();
  });
});
