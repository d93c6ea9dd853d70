import { describe, expect, test } from "vitest";
import { addFilter, chosenValues, formatFilter, parseFilter, readDraft, removeFilter, sameFilter } from "./filter";
import { exactMoney, formatBytes, formatMoney, formatShort, parseCount, plural, sayCost, splitHighlights } from "./format";
import { parseInline, parseMarkdown, plainText } from "./markdown";
import {
  formatAgo,
  formatDuration,
  formatInstant,
  fromFieldValue,
  instantToMs,
  nanosBetween,
  parseDuration,
  parseInstant,
  resolveRange,
  timeTicks,
  toFieldValue,
} from "./time";

describe("time", () => {
  test("reads nine fractional digits exactly", () => {
    const a = parseInstant("2026-11-24T10:00:00.123456789Z")!;
    const b = parseInstant("2026-11-24T10:00:01.123456790Z")!;
    expect(nanosBetween(a, b)).toBe(1_000_000_001);
    expect(instantToMs(a)).toBeCloseTo(Date.parse("2026-11-24T10:00:00.123Z") + 0.456789, 5);
  });
  test("reads offsets, and refuses what is no time", () => {
    expect(parseInstant("2026-11-24T12:00:00+02:00")).toEqual(parseInstant("2026-11-24T10:00:00Z"));
    expect(parseInstant("yesterday")).toBeUndefined();
    expect(parseInstant("")).toBeUndefined();
  });
  test.each([
    ["1.5s", 1.5e9],
    ["0.000000001s", 1],
    ["-2s", -2e9],
    ["3600s", 3.6e12],
  ])("parseDuration(%s)", (text, ns) => expect(parseDuration(text)).toBe(ns));
  test("parseDuration refuses other units", () => expect(parseDuration("3m")).toBeUndefined());
  test.each([
    [0, "0 ns"],
    [950, "950 ns"],
    [1_234, "1.23 µs"],
    [12_340_000, "12.3 ms"],
    [999_400_000, "999 ms"],
    [999_600_000, "1.00 s"],
    [999_600, "1.00 ms"],
    [999.6, "1.00 µs"],
    [1_234_000_000, "1.23 s"],
    [59_940_000_000, "59.9 s"],
    [59_990_000_000, "1 m 00 s"],
    [61e9, "1 m 01 s"],
    [3_661e9, "1 h 01 m"],
  ])("formatDuration(%d) is %s", (ns, text) => expect(formatDuration(ns)).toBe(text));
  test("formats in UTC on request", () => {
    expect(formatInstant(Date.UTC(2026, 0, 2, 3, 4, 5, 6), "utc")).toBe("2026-01-02 03:04:05.006 UTC");
    expect(formatAgo(0, 90_000, "utc")).toBe("1 min ago");
    expect(formatAgo(0, 10 * 86_400_000, "utc")).toBe("1970-01-01");
  });
  test("a range from the URL is absolute, or a preset that ends now", () => {
    expect(resolveRange({ range: "1h" }, 7_200_000)).toEqual({ fromMs: 3_600_000, toMs: 7_200_000 });
    expect(resolveRange({ range: "nonsense" }, 86_400_000)).toEqual({ fromMs: 0, toMs: 86_400_000 });
    expect(resolveRange({ from: "1970-01-01T00:00:01Z", to: "1970-01-01T00:00:02Z", range: "1h" }, 9e9)).toEqual({ fromMs: 1000, toMs: 2000 });
    expect(resolveRange({ from: "1970-01-01T00:00:02Z", to: "1970-01-01T00:00:01Z", range: "15m" }, 9e5)).toEqual({ fromMs: 0, toMs: 9e5 });
  });
  test("a datetime-local field says the same time back", () => {
    const ms = Date.UTC(2026, 10, 24, 5, 6, 7);
    for (const zone of ["utc", "local"] as const) expect(fromFieldValue(toFieldValue(ms, zone), zone)).toBe(ms);
    expect(fromFieldValue("", "utc")).toBeUndefined();
  });
});

describe("ticks of a time axis", () => {
  const ticks = (from: string, to: string, most: number) => timeTicks({ fromMs: Date.parse(from), toMs: Date.parse(to) }, "utc", most).map((t) => t.label);

  test("stand on round moments, and name the day where one begins", () => {
    expect(ticks("2026-11-24T13:07:00Z", "2026-11-25T13:07:00Z", 5)).toEqual(["18:00", "11-25", "06:00", "12:00"]);
    expect(ticks("2026-11-24T13:07:12Z", "2026-11-24T13:22:12Z", 6)).toEqual(["13:10", "13:15", "13:20"]);
    expect(ticks("2026-11-24T13:07:12Z", "2026-11-24T13:07:50Z", 4)).toEqual(["13:07:20", "13:07:30", "13:07:40"]);
    expect(ticks("2026-10-26T04:16:00Z", "2026-11-25T04:16:00Z", 6)).toHaveLength(4);
  });

  test("are never more than asked for", () => {
    for (const span of [1e3, 9e4, 36e5, 864e5, 6048e5, 2592e6, 1e11])
      for (const most of [1, 2, 5, 9])
        expect(timeTicks({ fromMs: 1_795_000_000_123, toMs: 1_795_000_000_123 + span }, "local", most).length).toBeLessThanOrEqual(most);
  });
});

describe("numbers", () => {
  test("what is absent stays unknown", () => {
    expect(parseCount(undefined)).toBeUndefined();
    expect(parseCount("")).toBeUndefined();
    expect(parseCount("0")).toBe(0);
    expect(formatMoney("", "USD")).toBe("unknown");
    expect(formatMoney(undefined, undefined)).toBe("unknown");
    expect(formatMoney("0", "USD")).toBe("$0");
  });
  test.each([
    ["12.345", "USD", "$12.35"],
    ["0.5", "USD", "$0.500"],
    ["0.004231", "USD", "$0.0042"],
    ["0.00000012", "EUR", "€0.00000012"],
    ["3", "CHF", "3.00 CHF"],
    ["-2", "USD", "-$2.00"],
  ])("formatMoney(%s %s)", (amount, currency, text) => expect(formatMoney(amount, currency)).toBe(text));
  test("an exact amount keeps every digit", () => {
    expect(exactMoney("0.0000018", "USD")).toBe("$0.0000018");
    expect(exactMoney("-12.345678", "USD")).toBe("-$12.345678");
    expect(exactMoney("3", "CHF")).toBe("3 CHF");
    expect(exactMoney("3", undefined)).toBe("3");
  });
  test.each([
    ["0.000075", 0, "$0.000075", "0.000075 USD"],
    ["0.000075", 1, "≥ $0.000075", "At least 0.000075 USD: 1 span has no known cost and is not in the sum"],
    ["0", 1200, "≥ $0", "At least 0 USD: 1,200 spans have no known cost and are not in the sum"],
    ["", 0, "unknown", "The cost is not known"],
    ["", 2, "unknown", "The cost is not known: 2 spans have no known cost"],
  ])("the cost %s without that of %d spans is %s", (amount, unpriced, text, full) => {
    expect(sayCost({ amount, currency: "USD" }, unpriced)).toEqual({ text, full });
  });
  test.each([
    [999, "999"],
    [1000, "1k"],
    [12_345, "12.3k"],
    [999_999, "1M"],
    [1_234_567, "1.2M"],
  ])("formatShort(%d)", (n, text) => expect(formatShort(n)).toBe(text));
  test("bytes and plurals", () => {
    expect(formatBytes(512)).toBe("512 B");
    expect(formatBytes(1536)).toBe("1.5 KiB");
    expect(plural(1, "span")).toBe("1 span");
    expect(plural(2000, "query", "queries")).toBe("2,000 queries");
  });
  test("highlights count UTF-8 bytes", () => {
    expect(splitHighlights("Zürich weather", [{ start: 8, end: 15 }])).toEqual([
      { text: "Zürich ", hit: false },
      { text: "weather", hit: true },
    ]);
    expect(splitHighlights("abc", [{ start: 2, end: 99 }])).toEqual([{ text: "abc", hit: false }]);
  });
});

describe("filters", () => {
  test("reads and writes", () => {
    expect(parseFilter("model=gpt-4o")).toEqual({ field: "model", op: "=", value: "gpt-4o" });
    expect(parseFilter(" duration >= 2s ")).toEqual({ field: "duration", op: ">=", value: "2s" });
    expect(parseFilter("name != a = b")).toEqual({ field: "name", op: "!=", value: "a = b" });
    expect(parseFilter("duration >")).toBeUndefined();
    expect(parseFilter("name ~ ")).toBeUndefined();
    expect(parseFilter("just words")).toBeUndefined();
    expect(parseFilter("attr.http/route=x")).toEqual({ field: "attr.http/route", op: "=", value: "x" });
  });
  test("what is empty can be asked for, and quotes stand where they are needed", () => {
    const none = { field: "operation", op: "=" as const, value: "" };
    expect(parseFilter("operation =")).toEqual(none);
    expect(parseFilter('operation = ""')).toEqual(none);
    expect(formatFilter(none)).toBe('operation = ""');
    expect(sameFilter("operation =", 'operation = ""')).toBe(true);
    expect(parseFilter('tag = "a \\"b\\" "')).toEqual({ field: "tag", op: "=", value: 'a "b" ' });
    for (const value of ["", " x ", '"quoted"', 'one "word"', "plain"]) {
      expect(parseFilter(formatFilter({ field: "tag", op: "=", value }))?.value).toBe(value);
    }
    expect(parseFilter('tag = "never closed')?.value).toBe('"never closed');
  });
  test("adds once and removes whatever the spaces", () => {
    const one = addFilter([], { field: "model", op: "=", value: "x" });
    expect(addFilter(one, { field: "model", op: "=", value: "x" })).toEqual(one);
    expect(removeFilter(["model=x", "status = error"], "model = x")).toEqual(["status = error"]);
    expect(sameFilter("a=b", "a = b")).toBe(true);
    expect([...chosenValues(["model = x", "model != y", "service = x"], "model")]).toEqual(["x"]);
  });
  test("a draft knows its stage", () => {
    expect(readDraft("mod")).toEqual({ stage: "field", prefix: "mod" });
    expect(readDraft("model ")).toEqual({ stage: "operator", field: "model", prefix: "" });
    expect(readDraft("model = gp")).toEqual({ stage: "value", field: "model", op: "=", prefix: "gp" });
    expect(readDraft("model!=")).toEqual({ stage: "value", field: "model", op: "!=", prefix: "" });
  });
});

/** Of the process that runs the tests; the app itself has no business with Node. */
declare const process: { cpuUsage: (since?: object) => { user: number; system: number } };

describe("markdown", () => {
  const only = (source: string) => parseMarkdown(source)[0];
  test("HTML stays text", () => {
    expect(parseMarkdown("<script>alert(1)</script>")).toEqual([{ type: "paragraph", children: [{ type: "text", text: "<script>alert(1)</script>" }] }]);
  });
  test("only web and mail addresses become links", () => {
    expect(parseInline("[x](javascript:alert(1))").some((n) => n.type === "link")).toBe(false);
    expect(parseInline("[x](data:text/html;base64,AAAA)").some((n) => n.type === "link")).toBe(false);
    expect(parseInline("[docs](https://example.com/a)")).toEqual([{ type: "link", href: "https://example.com/a", children: [{ type: "text", text: "docs" }] }]);
    expect(parseInline("see https://example.com/a.")).toEqual([
      { type: "text", text: "see " },
      { type: "link", href: "https://example.com/a", children: [{ type: "text", text: "https://example.com/a" }] },
      { type: "text", text: "." },
    ]);
  });
  test("an image is a note, not a request", () => {
    expect(parseInline("![secret](https://evil.example/x.png)")).toEqual([{ type: "image", alt: "secret", src: "https://evil.example/x.png" }]);
  });
  test("emphasis, code and their look-alikes", () => {
    expect(parseInline("a **b** `c*d*` snake_case_name 2*3*4")).toEqual([
      { type: "text", text: "a " },
      { type: "strong", children: [{ type: "text", text: "b" }] },
      { type: "text", text: " " },
      { type: "code", text: "c*d*" },
      { type: "text", text: " snake_case_name 2*3*4" },
    ]);
  });
  test("blocks", () => {
    expect(only("## Title ##")).toEqual({ type: "heading", level: 2, children: [{ type: "text", text: "Title" }] });
    expect(only("```go\nx := 1\n```")).toEqual({ type: "code", language: "go", text: "x := 1" });
    expect(only("```\nnever closed")).toEqual({ type: "code", language: "", text: "never closed" });
    expect(only("---")).toEqual({ type: "rule" });
    expect(only("> quoted")).toMatchObject({ type: "quote" });
    expect(only("3. a\n4. b")).toMatchObject({ type: "list", ordered: true, start: 3, items: [[{}], [{}]] });
    expect(only("- a\n  - b\n- c")).toMatchObject({ type: "list", items: [[{ type: "paragraph" }, { type: "list" }], [{}]] });
    expect(only("| a | b |\n|---|---|\n| 1 | 2 |")).toMatchObject({ type: "table", rows: [[[{ text: "1" }], [{ text: "2" }]]] });
  });
  test("emphasis ends where people see it end", () => {
    expect(parseInline("***both***")).toEqual([{ type: "strong", children: [{ type: "em", children: [{ type: "text", text: "both" }] }] }]);
    expect(parseInline("*a **b** c*")).toMatchObject([{ type: "em", children: [{ text: "a " }, { type: "strong" }, { text: " c" }] }]);
    expect(parseInline("file__init__.py and ** not bold **")).toEqual([{ type: "text", text: "file__init__.py and ** not bold **" }]);
    expect(parseInline("``a`b`` ` open")).toEqual([
      { type: "code", text: "a`b" },
      { type: "text", text: " ` open" },
    ]);
  });
  test("a list shows the words without the marks", () => {
    expect(plainText("## Refund\n- **€34.90** to `4421`\n- see [policy](https://example.com)")).toBe("Refund €34.90 to 4421 see policy");
    expect(plainText("I have refunded **€34.90 to the card endi")).toBe("I have refunded €34.90 to the card endi");
    expect(plainText("2 * 3 * 4 and snake_case")).toBe("2 * 3 * 4 and snake_case");
  });
  test("deep nesting ends", () => {
    expect(() => parseMarkdown("> ".repeat(5000) + "x")).not.toThrow();
    expect(() => parseMarkdown("- ".repeat(5000) + "x")).not.toThrow();
  });
  // Openers that nothing closes, and lines that nearly are a block: each once made the reader go
  // back over the rest of the text. Eight times the text may take eight times as long, not 64.
  // Processor time, so that other programs do not count; the least of a few, so that the compiler does not.
  test.each([
    ["["],
    ["!["],
    ["[a]("],
    ["[a](b"],
    ["*a "],
    ["**a "],
    ["*a b* c"],
    ["_a "],
    ["__a "],
    ["~~a "],
    ["`a ``b "],
    ["\\"],
    ["https://"],
    ["# #"],
    ["~~~a"],
    ["```a ` "],
    ["| - "],
    ["|-|x\n"],
    ["> a\n"],
    ["- a\n\n"],
    ["   "],
    ["a  "],
  ])(
    "text of %j alone takes time in proportion",
    (piece) => {
      const spent = (chars: number, prefix: string) => {
        const source = prefix + piece.repeat(chars / piece.length) + "x`";
        let least = Number.POSITIVE_INFINITY;
        for (let i = 0; i < 3; i++) {
          const before = process.cpuUsage();
          parseMarkdown(source);
          const { user, system } = process.cpuUsage(before);
          least = Math.min(least, user + system);
        }
        return least;
      };
      for (const prefix of ["", "# ", "~~~", "a|b\n|"]) {
        const small = Math.max(spent(20_000, prefix), 1000);
        expect(spent(160_000, prefix) / small).toBeLessThan(30);
      }
      // The clock of the wall is not what is tested: a busy machine may take its time.
    },
    60_000,
  );
});
