import { describe, expect, inject, test } from "vitest";
import { testKey } from "../fixtures/server";
import { expectAccessible, shoot, useBrowser, withPage } from "./browser";

const base = inject("baseUrl");
const fixture = inject("fixtureUrl");
useBrowser();

const rows = "[role=grid] [role=rowgroup] [role=row]";

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
      const box = page.locator("aside fieldset", { hasText: "Service" }).locator("label").first();
      const value = (await box.locator("span[title]").textContent()) ?? "";
      await box.click();
      await page.waitForURL((url) => url.searchParams.getAll("filter").includes(`service = ${value}`));
      await page.getByRole("button", { name: `Remove the filter service = ${value}` }).waitFor();
      await page.waitForFunction(
        ([selector, wanted]) => [...document.querySelectorAll(selector!)].every((row) => row.textContent?.includes(wanted!)),
        [rows, value],
      );
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
      const body = page.locator("[role=grid] [role=rowgroup]");
      await expect
        .poll(
          async () => {
            await body.evaluate((el) => el.scrollTo({ top: el.scrollHeight }));
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
      const body = page.locator("[role=grid] [role=rowgroup]");
      await body.evaluate((el) => el.scrollTo({ top: 480 }));
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

  test("connects to the server under test", async () => {
    await withPage(`${base}/traces`, {}, async ({ page }) => {
      await page.getByRole("button", { name: "Live" }).click();
      await page.waitForURL((url) => url.searchParams.get("tail") === "on");
      await page.getByText("Live: new traces come in on top.").waitFor();
    });
  });
});

describe("when there is nothing to show", () => {
  test("an empty server says where to send", async () => {
    await withPage(`${fixture}/traces?project=empty`, {}, async ({ page }) => {
      await page.getByText("OTEL_EXPORTER_OTLP_ENDPOINT").waitFor();
      await shoot(page, "empty");
      await expectAccessible(page);
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

  test("a server that wants a key gets one", async () => {
    await withPage(`${fixture}/traces?project=locked`, {}, async ({ page }) => {
      await page.getByText("This server asks for a key").waitFor();
      await shoot(page, "key");
      await expectAccessible(page);
      await page.getByLabel(/Key with the scope/).fill(testKey);
      await page.keyboard.press("Enter");
      await page.waitForSelector(rows);
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
