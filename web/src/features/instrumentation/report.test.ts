import { expect, test } from "vitest";
import { toReadingReport, type Finding, type Instrumentation } from "../../api/instrumentation";
import { byWeight, measure, missing, openedOf, percent, problems, scopeOf, sumOf, verdict } from "./report";

const finding = (code: string, spans: number, isInformation = false): Finding => ({
  code,
  spans,
  isInformation,
  title: code,
  meaning: "",
  action: "",
  settings: [],
  examples: [],
});

const row = (service: string, modelCalls: number, findings: Finding[] = []): Instrumentation => ({
  service,
  namespace: "",
  dialect: "otel-genai",
  versions: [],
  scopeName: "instr",
  scopeVersion: "1",
  spans: modelCalls,
  modelCalls,
  input: { have: modelCalls, of: modelCalls },
  output: { have: 0, of: 0 },
  model: { have: 0, of: 0 },
  tokens: { have: 0, of: 0 },
  cost: { have: 0, of: 0 },
  lastMs: 0,
  findings,
});

test.each([
  [0, 0, "–", "none", "none"],
  [0, 5, "0%", "nothing", "5 missing"],
  [1, 1000, "<1%", "part", "999 missing"],
  [1, 3, "33%", "part", "2 missing"],
  [4, 6, "67%", "part", "2 missing"],
  [99, 100, "99%", "part", "1 missing"],
  [199, 200, "99.5%", "part", "1 missing"],
  [9996, 10_000, "99.9%", "part", "4 missing"],
  [999_999, 1_000_000, "99.9%", "part", "1 missing"],
  [1240, 2480, "50%", "part", "1,240 missing"],
  [1240, 1240, "100%", "whole", "all 1,240"],
])("%i of %i is %s", (have, of, text, kind, lack) => {
  expect(percent({ have, of })).toBe(text);
  expect(measure({ have, of })).toBe(kind);
  expect(missing({ have, of })).toBe(lack);
});

test("the verdict says the worst first", () => {
  const say = (...rows: Instrumentation[]) => {
    const v = verdict({ rows, isTruncated: false });
    return `${v.tone}: ${v.title}. ${v.text}`;
  };
  // Five spans, of which two are agents: model calls are counted by themselves.
  const lost = finding("content_missing", 5);
  const loses = { ...row("a", 10, [lost]), input: { have: 7, of: 10 }, output: { have: 9, of: 9 } };
  expect(say(loses, row("b", 4))).toBe("loss: One instrumentation loses content. 3 of 14 model calls came without what was asked.");
  expect(say({ ...loses, output: { have: 7, of: 9 } })).toContain(" 3 of 10 model calls came without what was asked, 2 of 9 answered ones without the answer.");
  expect(say({ ...row("a", 10, [lost]), output: { have: 0, of: 1 } })).toContain(" 1 of 1 answered model call came without the answer.");
  expect(say(loses, row("b", 1, [finding("content_missing", 1)]))).toContain("2 instrumentations lose content. 3 of 11 model calls");
  expect(say(row("a", 10, [lost]))).toContain(" 5 spans came without some of their content; no model call lacks its question or its answer.");
  expect(say(row("a", 10, [finding("tokens_missing", 1)]), row("b", 4))).toBe("doubt: No content is lost. One instrumentation leaves something else out.");
  expect(say(row("a", 1000, [finding("usage_repeated", 5, true)]))).toBe("well: All is well. All 1,000 model calls came with all that was expected.");
  expect(say(row("a", 1))).toBe("well: All is well. The model call came with all that was expected.");
  expect(say(row("a", 0))).toBe("well: All is well. Nothing is missing, and no model was called.");
  expect(problems(row("a", 1, [finding("usage_repeated", 5, true), lost])).map((f) => f.code)).toEqual(["content_missing"]);
  const mixed = [finding("usage_repeated", 9, true), finding("cost_unknown", 5), finding("truncated", 4), lost];
  expect(byWeight(mixed).map((f) => f.code)).toEqual(["content_missing", "cost_unknown", "truncated", "usage_repeated"]);
  expect(sumOf([{ ...row("a", 2), input: { have: 1, of: 2 } }, row("b", 3)], (r) => r.input)).toEqual({ have: 4, of: 5 });
});

test("the address opens a finding of one instrumentation, or of all of a service", () => {
  const r = row("shop", 1, [finding("truncated", 1)]);
  expect(scopeOf("instr", "1")).toBe("instr@1");
  expect(scopeOf("instr", "")).toBe("instr");
  expect(openedOf(r, { service: "shop", scope: "instr@1", finding: "truncated" })?.code).toBe("truncated");
  expect(openedOf(r, { service: "shop", finding: "truncated" })?.code).toBe("truncated");
  for (const at of [
    {},
    { service: "shop" },
    { finding: "truncated" },
    { service: "shop", finding: "content_missing" },
    { service: "desk", finding: "truncated" },
    { service: "shop", scope: "instr@2", finding: "truncated" },
  ])
    expect(openedOf(r, at)).toBeUndefined();
});

test("what the server leaves out is nothing, not a failure", () => {
  expect(toReadingReport({})).toEqual({ rows: [], isTruncated: false });
  const [only] = toReadingReport({ instrumentations: [{ findings: [{ code: "index_out_of_range" }], lastSeen: "2026-11-25T09:00:00.5Z" }] }).rows;
  expect(only).toMatchObject({ service: "", modelCalls: 0, input: { have: 0, of: 0 }, lastMs: Date.UTC(2026, 10, 25, 9) + 500 });
  expect(only?.findings[0]).toMatchObject({ title: "index out of range", spans: 0, examples: [] });
});
