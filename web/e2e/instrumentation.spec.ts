import { expect, inject, test } from "vitest";
import { expectAccessible, shoot, withBrowser, withPage } from "./browser";
import { sendSpans } from "./tiltmeter";

const base = inject("baseUrl");
const fixture = inject("fixtureUrl");
withBrowser();

test("a call without content is found, explained and led to, and leads back", async () => {
  const attributes = Object.entries({ "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "gen_ai.provider.name": "openai" }).map(
    ([key, stringValue]) => ({ key, value: { stringValue } }),
  );
  const start = BigInt(Date.now() - 60_000) * 1_000_000n;
  const traceId = "c".repeat(31) + "1";
  await sendSpans(base, [
    {
      traceId,
      spanId: "c".repeat(16),
      name: "chat gpt-4o",
      kind: 3,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + 900_000_000n),
      attributes,
    },
  ]);
  await withPage(`${base}/traces`, {}, async ({ page, problems }) => {
    await page.getByRole("grid").waitFor(); // before the page is there, nobody hears a key
    await page.keyboard.press("s");
    await page.getByRole("heading", { name: "One instrumentation loses content" }).waitFor();
    // The worst comes first, the demo's services lose nothing.
    const first = page.getByRole("list", { name: "Instrumentations, the worst first" }).locator(":scope > li").first();
    await first.getByRole("heading", { name: "no service.name" }).waitFor();
    await first.getByRole("meter", { name: /^Input/ }).waitFor();
    expect(await first.getByRole("meter", { name: /^Input/ }).getAttribute("aria-valuetext")).toBe("0 of 1 model calls with what was asked");
    const chip = first.getByRole("button", { name: /^Content missing/ });
    await chip.focus();
    await page.keyboard.press("Enter");
    await first.getByText("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true (JavaScript, older Python)", { exact: true }).waitFor();
    expect(await chip.getAttribute("aria-expanded")).toBe("true");
    await shoot(page, "instrumentation-real");
    await expectAccessible(page);
    // What is open is in the address.
    await page.reload();
    await first.getByRole("link", { name: "the span" }).click();
    await page.waitForURL(new RegExp(`/traces/${traceId}`));
    const warning = page.getByRole("link", { name: "content missing" }).first();
    await warning.click();
    await page.waitForURL(/finding=content_missing/);
    await first.getByText("What to do").waitFor();
    expect(problems).toEqual([]);
  });
});

test.each(["light", "dark"] as const)("everything is seen in %s", async (colorScheme) => {
  await withPage(`${fixture}/instrumentation`, { colorScheme }, async ({ page, problems }) => {
    await page.getByRole("heading", { name: "2 instrumentations lose content" }).waitFor();
    await shoot(page, `instrumentation-${colorScheme}`);
    await page
      .getByRole("button", { name: /^Content missing/ })
      .first()
      .click();
    await page.getByRole("link", { name: "the latest span" }).waitFor();
    await shoot(page, `instrumentation-open-${colorScheme}`);
    await expectAccessible(page);
    // One at a time; a second press closes it.
    await page.getByRole("button", { name: /^Usage repeated above/ }).click();
    expect(await page.locator("[aria-expanded=true]").count()).toBe(1);
    await page.getByRole("button", { name: /^Usage repeated above/ }).click();
    expect(await page.locator("[aria-expanded=true]").count()).toBe(0);
    expect(problems).toEqual([]);
  });
});

test.each([360, 768])("%i pixels are enough", async (width) => {
  await withPage(`${fixture}/instrumentation?service=translate&finding=content_missing`, { viewport: { width, height: 740 } }, async ({ page }) => {
    await page.getByText("What to do").waitFor();
    // A share of 99.8 % does not hide how many calls it leaves out.
    await page.getByText("7 missing", { exact: true }).first().waitFor();
    await shoot(page, `instrumentation-${width}`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await expectAccessible(page);
  });
});

test.each([
  ["empty", "No instrumentation spoke in this time"],
  ["quiet", "All is well"],
  ["broken", "The report could not be made"],
])("a project that is %s", async (project, heading) => {
  await withPage(`${fixture}/instrumentation?project=${project}`, {}, async ({ page }) => {
    await page.getByRole("heading", { name: heading }).waitFor();
    await shoot(page, `instrumentation-${project}`);
    await expectAccessible(page);
  });
});
