import { describe, expect, test } from "vitest";
import type { Passage, WireSignal } from "../../../api/types";
import { cutAtMarks, marksIn, toFindings } from "./findings";

const bytes = (text: string) => new TextEncoder().encode(text).length;

/** The passage of the first `part` in `text`. */
function passage(text: string, part: string, more: Partial<Passage> = {}): Passage {
  const start = bytes(text.slice(0, text.indexOf(part)));
  return { spanId: "a", field: "output", index: 0, part: 0, start, end: start + bytes(part), quote: part, ...more };
}

const signal = (name: string, passages: (Passage | undefined)[], more: Partial<WireSignal> = {}): WireSignal => ({
  spanId: "a",
  name,
  probability: 0.9,
  evidence: passages.map((p) => ({ reason: "r", passage: p })),
  ...more,
});

const text = "📷 Hello.\r\nThe café is 12 km away. Bye.";
const answer = { field: "output", spanId: "a", index: 0, part: 0 };

describe("findings", () => {
  test("only what is likely counts, each once, with a number of its own", () => {
    const said = { field: "input", spanId: "b", index: 4 };
    const findings = toFindings([
      signal("refusal", [passage(text, "Hello."), undefined]),
      signal("refusal.full", [passage(text, "Hello."), undefined]),
      signal("grounding", [passage(text, "12 km")], { probability: 0.49 }),
      signal("injection.direct", [passage(text, "Bye.", said)]),
      signal("injection.direct", [passage(text, "Bye.", { ...said, spanId: "c", index: 6 })], { spanId: "c" }), // the history, sent again
    ]);
    expect(findings.map((f) => [f.n, f.word, f.evidence.passage?.quote])).toEqual([
      [1, "refusal", "Hello."],
      [2, "refusal", undefined],
      [3, "injection", "Bye."],
    ]);
  });

  test("marks stand on the very characters", () => {
    const findings = toFindings([signal("grounding", [passage(text, "The café is 12 km away."), passage(text, "12 km")])]);
    expect(marksIn(findings, answer, text).map((m) => text.slice(m.from, m.to))).toEqual(["The café is 12 km away.", "12 km"]);
  });

  test.each([
    ["another part", { ...answer, part: 1 }, text],
    ["another span", { ...answer, spanId: "b" }, text],
    ["another message", { ...answer, index: 1 }, text],
    ["another field", { ...answer, field: "input" }, text],
    ["other characters", answer, text.replace("12", "13")],
    ["a shorter text", answer, text.slice(0, 12)],
  ])("nothing is marked in %s", (_, at, shown) => {
    expect(marksIn(toFindings([signal("grounding", [passage(text, "12 km")])]), at, shown)).toEqual([]);
  });

  test("where the place is not known the quote decides, and one that is hidden whole decides nothing", () => {
    const given = { field: "input", spanId: "z", index: 7 };
    const of = (quote: string) => toFindings([signal("leakage", [passage(text, "12 km", { ...given, quote })])]);
    expect(marksIn(of("1* k*"), { field: "input" }, text)).toHaveLength(1);
    expect(marksIn(of("** **"), { field: "input" }, text)).toHaveLength(0);
    expect(marksIn(of("** **"), { ...given, part: 0 }, text)).toHaveLength(1);
  });

  test("a source is marked as such", () => {
    const wire = signal("grounding", []);
    wire.evidence = [{ reason: "r", passage: passage(text, "Bye."), source: passage(text, "Hello.", { field: "documents", spanId: "d" }) }];
    expect(marksIn(toFindings([wire]), { field: "documents" }, text)).toMatchObject([{ isSource: true, from: 3, to: 9 }]);
  });
});

test("pieces join to the text, and each mark ends once", () => {
  const findings = toFindings([signal("grounding", [passage(text, "café is 12"), passage(text, "12 km away"), passage(text, text)])]);
  const pieces = cutAtMarks(text, marksIn(findings, answer, text));
  expect(pieces.map((p) => p.text).join("")).toBe(text);
  expect(pieces.flatMap((p) => p.ending.map((m) => m.finding.n)).sort()).toEqual([1, 2, 3]);
  expect(pieces.find((p) => p.text === "12")?.over.map((m) => m.finding.n)).toEqual([3, 1, 2]);
  expect(cutAtMarks("", [])).toEqual([]);
});
