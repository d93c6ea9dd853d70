import { describe, expect, inject, test } from "vitest";
import { truncatedTraceId } from "../fixtures/data";
import { largeTraceId } from "../fixtures/server";
import { sendSpans } from "./tiltmeter";
import { expectAccessible, shoot, withBrowser, withPage } from "./browser";

const base = inject("baseUrl");
const fixture = inject("fixtureUrl");
withBrowser();

const listRows = "[role=grid] [role=rowgroup] [role=row]";
const spans = "[role=treegrid] [role=row]";
const invented = `${fixture}/traces/${"2".padStart(32, "0")}`;

describe("the trace page", () => {
  test("opens from the list and reads the conversation", async () => {
    await withPage(`${base}/traces?range=30d&filter=operation+%3D+chat&filter=agent+%3D+juniper`, {}, async ({ page, problems }) => {
      await page.locator(`${listRows} a`).first().click();
      await page.waitForURL(/\/traces\/[0-9a-f]{32}/);
      await page.waitForSelector(spans);
      const conversation = page.getByRole("list", { name: "Conversation" });
      await conversation.getByText("User", { exact: true }).first().waitFor();
      await conversation.getByText("Assistant", { exact: true }).first().waitFor();
      await shoot(page, "real-trace");
      await expectAccessible(page);
      expect(problems).toEqual([]);
    });
  });

  test.each([
    ["a failed tool call", "ToolError", "ToolError"],
    ["a failed model call", "429", "HTTP 429"],
  ])("%s is told apart from a success in the conversation", async (_, type, head) => {
    await withPage(`${base}/traces?range=30d&filter=error.type+%3D+${type}`, {}, async ({ page, problems }) => {
      await page.locator(`${listRows} a`).first().click();
      const failed = page.getByRole("list", { name: "Conversation" }).locator("[data-failed]").first();
      await failed.getByText(head, { exact: true }).waitFor();
      await shoot(page, `failed-${type}`);
      await expectAccessible(page);
      expect(problems).toEqual([]);
    });
  });

  test("a trace of several agents shows each of their conversations, in the address", async () => {
    await withPage(`${base}/traces?range=30d&filter=agent+%3D+sql-analyst`, {}, async ({ page, problems }) => {
      await page.locator(`${listRows} a`).first().click();
      const threads = page.getByRole("radiogroup", { name: "Conversations of this trace" });
      const other = threads.getByRole("radio", { checked: false }).first();
      const name = (await other.getAttribute("aria-label")) ?? "";
      await other.click();
      await page.waitForURL((url) => /^[0-9a-f]{16}$/.test(url.searchParams.get("thread") ?? ""));
      await page.reload();
      await threads.getByRole("radio", { checked: true, name }).waitFor();
      await page.getByRole("list", { name: "Conversation" }).waitFor();
      expect(problems).toEqual([]);
    });
  });

  test("what was said before is folded, and what is missing is said", async () => {
    await withPage(`${fixture}/traces/${truncatedTraceId}?view=read`, {}, async ({ page }) => {
      await page.getByText("turns or whole threads may be missing").waitFor();
      const earlier = page.getByText("Earlier in this conversation · 2 messages");
      await earlier.waitFor();
      expect(await page.getByText("covered by the warranty").count()).toBe(0);
      await earlier.click();
      await page.getByText("covered by the warranty").waitFor();
      // When it was said is not known: the button leads to the span that sent it along.
      expect(await page.locator("details li").first().getByRole("button").first().textContent()).toBe("span");
      await expectAccessible(page);
    });
  });

  test("the reading pane scrolls by its own keys", async () => {
    await withPage(invented, {}, async ({ page }) => {
      await page.getByText("Never promise a date").click();
      await page.keyboard.press("End");
      const top = () =>
        page
          .getByRole("tabpanel")
          .locator("> div")
          .evaluate((el) => el.scrollTop);
      await expect.poll(top).toBeGreaterThan(100);
      await page.keyboard.press("Home");
      await expect.poll(top).toBe(0);
      expect(new URL(page.url()).searchParams.has("span")).toBe(false);
    });
  });

  test.each(["light", "dark"] as const)("shows tree, waterfall and conversation (%s)", async (colorScheme) => {
    await withPage(invented, { colorScheme }, async ({ page, problems }) => {
      await page.waitForSelector(spans);
      await page.getByRole("list", { name: "Conversation" }).waitFor();
      await shoot(page, `trace-${colorScheme}`);
      expect(await page.locator(spans).count()).toBe(13);
      await expectAccessible(page);
      expect(problems).toEqual([]);
    });
  });

  test("what a model wrote cannot act", async () => {
    await withPage(`${invented}?view=read`, {}, async ({ page, problems }) => {
      const requests: string[] = [];
      page.on("request", (r) => requests.push(r.url()));
      await page.getByText("tracking pixel").waitFor();
      await page.getByText("tracking pixel").scrollIntoViewIfNeeded();
      await shoot(page, "conversation");
      expect(await page.locator("main img").count()).toBe(0);
      expect(await page.getByRole("link", { name: /returns policy/ }).textContent()).toContain("(https://example.com/returns)");
      await page.getByText("<img src=x onerror=alert(1)>").waitFor();
      expect(requests.filter((url) => !url.startsWith(fixture))).toEqual([]);
      expect(problems).toEqual([]);
    });
  });

  test("a call stands beside its result, with numbers as they were sent", async () => {
    await withPage(`${invented}?view=read`, {}, async ({ page }) => {
      const call = page.locator("li", { hasText: "lookup_order" }).first();
      await call.getByText("Arguments").waitFor();
      await call.getByText("9007199254740993").waitFor();
      await page.getByText("refund rf_8831 accepted on the second attempt").waitFor();
    });
  });

  test("a span shows its error, its tabs and what was sent, all in the address", async () => {
    await withPage(invented, {}, async ({ page, problems }) => {
      await page.waitForSelector(spans);
      await page.keyboard.press("n");
      await page.waitForURL((url) => url.searchParams.get("span") === "000000000000000a");
      await page.getByText("payment gateway did not answer within 1 s").first().waitFor();
      await shoot(page, "span-error");
      await expectAccessible(page);
      await page.getByRole("tab", { name: "Raw" }).click();
      await page.waitForURL((url) => url.searchParams.get("tab") === "raw");
      await page.getByText("1795000000123456789").waitFor();
      await page.reload();
      await page.getByText("1795000000123456789").waitFor();
      expect(problems).toEqual([]);
    });
  });

  test.each([
    ["5", "messages"],
    ["3", "retrieval"],
    ["6", "tool"],
    ["2", "events"],
    ["5", "attributes"],
  ])("span %s has the tab %s", async (span, tab) => {
    await withPage(`${invented}?span=${span.padStart(16, "0")}&tab=${tab}`, {}, async ({ page }) => {
      await page.getByRole("tab", { selected: true, name: new RegExp(tab, "i") }).waitFor();
      await page.locator("[role=tabpanel]:not([hidden])").getByRole("status").waitFor({ state: "detached" });
      await shoot(page, `span-${tab}`);
      await expectAccessible(page);
    });
  });

  test.each(["light", "dark"] as const)("a span says what each field was read from (%s)", async (colorScheme) => {
    await withPage(`${invented}?span=${"5".padStart(16, "0")}&tab=reading`, { colorScheme }, async ({ page, problems }) => {
      const fields = page.getByRole("list", { name: "Fields and what they were read from" });
      await fields.waitFor();
      await shoot(page, `reading-${colorScheme}`);
      // What contradicts stands first, and is no matter of colour alone.
      expect(await fields.locator("> li").first().textContent()).toContain("request_model");
      expect(await fields.getByText("says otherwise").count()).toBe(2);
      await page.getByText("2 contradictions").waitFor();
      await page.getByText("tiltmeter reread").waitFor();
      // Long lists are folded.
      expect(await page.locator("[role=tabpanel] li").count()).toBeLessThan(150);
      await expectAccessible(page);
      await page.getByRole("button", { name: "Show 100 of 141 more" }).click();
      await page.getByRole("button", { name: "Show 41 of 41 more" }).waitFor();
      await page.getByRole("searchbox", { name: "Search the attributes and fields" }).fill("choice");
      await expect.poll(() => fields.locator("> li").count()).toBe(1);
      await fields.getByText("log record 2").waitFor();
      await page.getByRole("searchbox").fill("<img");
      await page.getByText("<script>alert(1)</script>").waitFor();
      await shoot(page, `reading-search-${colorScheme}`);
      expect(problems).toEqual([]);
    });
  });

  test("how a span was read fits on 360 pixels, and says when it cannot be told", async () => {
    await withPage(`${invented}?span=${"5".padStart(16, "0")}&tab=reading&view=read`, { viewport: { width: 360, height: 740 } }, async ({ page }) => {
      await page.getByRole("list", { name: "Fields and what they were read from" }).waitFor();
      await page.locator("[role=tabpanel] section").first().scrollIntoViewIfNeeded();
      await shoot(page, "reading-360");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await expectAccessible(page);
      await page.goto(`${invented}?span=${"d".padStart(16, "0")}&tab=reading&view=read`);
      await page.getByText("is stored without what was sent").waitFor();
      await page.goto(`${invented}?span=${"6".padStart(16, "0")}&tab=reading&view=read`);
      await page.getByText("The span has no attributes").waitFor();
      await shoot(page, "reading-empty");
    });
  });

  test("the real server tells how it read a span", async () => {
    await withPage(`${base}/traces?range=30d&filter=agent+%3D+sql-analyst`, {}, async ({ page, problems }) => {
      await page.locator(`${listRows} a`).first().click();
      await page.locator(spans).filter({ hasText: "chat" }).first().click();
      await page.getByRole("tab", { name: "Reading" }).click();
      const fields = page.getByRole("list", { name: "Fields and what they were read from" });
      await fields.getByText("usage.input_tokens", { exact: true }).waitFor();
      await shoot(page, "reading-real");
      expect(await page.getByText("Stored otherwise").count()).toBe(0);
      expect(problems).toEqual([]);
    });
  });

  test("what is not known is said to be unknown", async () => {
    await withPage(`${invented}?span=${"d".padStart(16, "0")}`, {}, async ({ page }) => {
      await page.locator("dl", { hasText: "Input tokens" }).getByText("unknown").first().waitFor();
      await page.getByText("the sender reported no token counts").waitFor();
      await page.getByText("The cost is unknown because a count that costs money was not sent.").waitFor();
      // The trace's sum lacks this call, and says so.
      await page.getByText("1 unpriced").waitFor();
      await shoot(page, "span-cost-unknown");
      await expectAccessible(page);
    });
  });

  test.each([
    ["light", 1440],
    ["dark", 1440],
    ["light", 360],
  ] as const)("a cost says how it came about (%s, %i pixels)", async (colorScheme, width) => {
    await withPage(`${invented}?span=${"5".padStart(16, "0")}`, { colorScheme, viewport: { width, height: 740 } }, async ({ page, problems }) => {
      await page.getByText("How the cost came about").click();
      const lines = page.getByRole("table", { name: "What was paid for what" });
      await lines.getByText("1,104 × $0.3 / million").waitFor();
      await lines.getByRole("row", { name: /^the sender says/ }).scrollIntoViewIfNeeded();
      await shoot(page, `span-cost-${colorScheme}-${width}`);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await expectAccessible(page);
      expect(problems).toEqual([]);
    });
  });

  test("the real server's prices are shown with the book's name", async () => {
    await withPage(`${base}/traces?range=30d&filter=agent+%3D+sql-analyst`, {}, async ({ page }) => {
      await page.locator(`${listRows} a`).first().click();
      await page.locator(spans).filter({ hasText: "chat" }).first().click();
      await page.getByText("How the cost came about").click();
      await page
        .getByRole("table", { name: "What was paid for what" })
        .getByText(/^[\d,]+ × \$[\d.]+ \/ million$/)
        .first()
        .waitFor();
      await shoot(page, "span-cost-real");
    });
  });

  test("folding hides what is below, and the arrows walk the tree", async () => {
    await withPage(`${invented}?span=${"8".padStart(16, "0")}`, {}, async ({ page }) => {
      await page.waitForSelector(`${spans}[aria-selected=true][aria-expanded=true]`);
      await page.keyboard.press("ArrowLeft");
      await page.waitForSelector(`${spans}[aria-selected=true][aria-expanded=false]`);
      expect(await page.locator(spans).count()).toBe(9);
      await page.keyboard.press("ArrowRight");
      await page.keyboard.press("ArrowRight");
      await page.waitForURL((url) => url.searchParams.get("span") === "0000000000000009");
    });
  });

  test("a trace is drawn from its tree, and a span is read when it is opened", async () => {
    await withPage(`${base}/traces?range=30d&filter=agent+%3D+sql-analyst`, {}, async ({ page, problems }) => {
      const asked: string[] = [];
      page.on("request", (r) => asked.push(new URL(r.url()).pathname));
      await page.locator(`${listRows} a`).first().click();
      await page.waitForSelector(spans);
      const path = new URL(page.url()).pathname;
      expect(asked).toContain(`/v1${path}/tree`);
      expect(asked).not.toContain(`/v1${path}`);
      expect(asked.filter((p) => p.includes("/spans/"))).toEqual([]);
      await page.locator(spans).filter({ hasText: "chat" }).first().click();
      await page.locator("dl", { hasText: "Input tokens" }).last().waitFor();
      expect(asked.filter((p) => p.startsWith(`/v1${path}/spans/`))).toHaveLength(1);
      expect(problems).toEqual([]);
    });
  });

  test("100,000 spans open, scroll and fold", async () => {
    await withPage(`${fixture}/traces/${largeTraceId}`, {}, async ({ page, problems }) => {
      await page.waitForSelector(spans, { timeout: 50_000 });
      expect(await page.locator("[role=treegrid]").getAttribute("aria-rowcount")).toBe("100000");
      await page.keyboard.press("End");
      await page.waitForSelector(`${spans}[aria-rowindex="100000"]`);
      expect(await page.locator(spans).count()).toBeLessThan(120);
      await page.keyboard.press("[");
      await page.waitForFunction(() => Number(document.querySelector("[role=treegrid]")?.getAttribute("aria-rowcount")) < 100_000);
      // What a fold hides comes into sight when it is selected.
      await page.keyboard.press("g");
      for (let i = 0; i < 40; i++) await page.keyboard.press("n");
      const found = page.locator(`${spans}[aria-selected=true][data-failed]`);
      await found.waitFor();
      const [pane, row] = await Promise.all([page.locator("[role=treegrid]").boundingBox(), found.boundingBox()]);
      expect(row!.y).toBeGreaterThanOrEqual(pane!.y);
      expect(row!.y + row!.height).toBeLessThanOrEqual(pane!.y + pane!.height + 1);
      await page.keyboard.press("]");
      await page.keyboard.press("Home");
      await page.waitForSelector(`${spans}[aria-rowindex="1"]`);
      await shoot(page, "trace-100k");
      expect(problems).toEqual([]);
    });
  });

  test("360 pixels are enough", async () => {
    await withPage(invented, { viewport: { width: 360, height: 740 } }, async ({ page }) => {
      await page.waitForSelector(spans);
      await shoot(page, "trace-360");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await expectAccessible(page);
      await page.getByRole("radio", { name: "Read" }).click();
      await page.getByRole("list", { name: "Conversation" }).waitFor();
      await shoot(page, "trace-360-read");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    });
  });

  test("the cost of a priced and an unpriced call is the least that it can be, in the list, too", async () => {
    const traceId = "c057".padEnd(32, "0");
    const now = Date.now();
    const call = (spanId: string, model: string) => ({
      traceId,
      spanId,
      name: `chat ${model}`,
      kind: 3,
      startTimeUnixNano: `${now}000000`,
      endTimeUnixNano: `${now + 5}000000`,
      attributes: [
        ...Object.entries({
          "gen_ai.operation.name": "chat",
          "gen_ai.provider.name": "openai",
          "gen_ai.request.model": model,
          // The report of what instrumentations lose looks at the same server: these are a service that loses nothing.
          "gen_ai.input.messages": "What does it cost?",
          "gen_ai.output.messages": "That depends.",
        }).map(([key, stringValue]) => ({ key, value: { stringValue } })),
        ...Object.entries({ "gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "100" }).map(([key, intValue]) => ({ key, value: { intValue } })),
      ],
    });
    await sendSpans(base, [call("00000000000000c1", "gpt-4o-mini"), call("00000000000000c2", "a-model-of-ours")], "priced-in-part");
    await withPage(`${base}/traces/${traceId}?span=00000000000000c2`, {}, async ({ page, problems }) => {
      await page.getByText("≥ $0.000075", { exact: true }).waitFor();
      await page.getByText("The cost is unknown because the price book does not have this model.").waitFor();
      await shoot(page, "cost-partial");
      await page.goto(`${base}/traces?filter=model+%3D+a-model-of-ours`);
      await page.locator(listRows).getByText("≥ $0.000075", { exact: true }).waitFor();
      await page.locator(listRows).getByText("1 span has no known cost and is not in the sum").waitFor();
      await shoot(page, "cost-partial-list");
      expect(problems).toEqual([]);
    });
  });

  test("spans that name each other as parents are shown, and what is true is said", async () => {
    const traceId = "c1c1e000000000000000000000000001";
    const now = Date.now();
    const span = (spanId: string, parentSpanId: string, name: string, at: number) => ({
      traceId,
      spanId,
      parentSpanId,
      name,
      startTimeUnixNano: `${now + at}000000`,
      endTimeUnixNano: `${now + at + 5}000000`,
    });
    await sendSpans(base, [span("00000000000000a1", "00000000000000b2", "first of the circle", 0), span("00000000000000b2", "00000000000000a1", "second", 1)]);
    await withPage(`${base}/traces/${traceId}`, {}, async ({ page, problems }) => {
      await page.getByText("they name each other as parents, in a circle").waitFor();
      expect(await page.locator(spans).count()).toBe(2);
      expect(await page.getByText("has not come yet").count()).toBe(0);
      await shoot(page, "circle");
      await expectAccessible(page);
      expect(problems).toEqual([]);
    });
  });

  test("on a phone a tapped span is shown, and the way back leads to the timeline", async () => {
    await withPage(invented, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }, async ({ page, problems }) => {
      await page.locator(spans).filter({ hasText: "execute_tool issue_refund" }).first().tap();
      await page.getByRole("heading", { name: "execute_tool issue_refund" }).waitFor();
      await page.getByText("TimeoutError").first().waitFor();
      expect(await page.getByRole("radio", { name: "Span" }).isChecked()).toBe(true);
      await shoot(page, "trace-390-span");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
      await page.goBack();
      await page.waitForSelector(spans);
      expect(problems).toEqual([]);
    });
  });

  test("on a narrow window a link to a span leads to the span, and walking the timeline stays in it", async () => {
    await withPage(`${invented}?span=${"a".padStart(16, "0")}`, { viewport: { width: 360, height: 740 } }, async ({ page, problems }) => {
      await page.getByRole("heading", { name: "execute_tool issue_refund" }).waitFor();
      await page.getByRole("radio", { name: "Timeline" }).click();
      await page.waitForSelector(`${spans}[aria-selected=true]`);
      await page.locator("[role=treegrid]").focus();
      await page.keyboard.press("ArrowDown");
      await page.waitForURL((url) => url.searchParams.get("span") === "000000000000000b");
      expect(await page.getByRole("radio", { name: "Timeline" }).isChecked()).toBe(true);
      expect(problems).toEqual([]);
    });
  });

  test("a span pointed at in the timeline alone brings the reader beside it", async () => {
    await withPage(`${invented}?view=timeline`, {}, async ({ page }) => {
      await page.locator(spans).nth(4).click();
      await page.getByRole("heading", { name: "chat claude-sonnet-4-5" }).waitFor();
      await page.waitForSelector(`${spans}[aria-selected=true]`);
    });
  });

  test("a trace that is not there says so", async () => {
    await withPage(`${base}/traces/${"e".repeat(32)}`, {}, async ({ page }) => {
      await page.getByText("There is no such trace").waitFor();
      await shoot(page, "no-trace");
      await expectAccessible(page);
      await page.getByRole("link", { name: "Back to the list", exact: true }).click();
      await page.waitForURL((url) => url.pathname === "/traces");
    });
  });
});
