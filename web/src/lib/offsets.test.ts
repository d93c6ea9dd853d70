import { describe, expect, test } from "vitest";
import { heldText, isQuoted, toUtf16 } from "./offsets";

const bytes = (text: string) => new TextEncoder().encode(text).length;

describe("offsets", () => {
  const texts = ["", "plain", "naïve €5", "👩‍👩‍👧 and 📷\r\nnext", "\u{FFFD} for what was broken", "lone \ud83d here", "日本語。", "e\u0301"];

  test.each(texts)("every beginning of a character in %j is found", (text) => {
    const units = [...text].reduce((at, c) => [...at, at.at(-1)! + c.length], [0]);
    const asked = units.map((u) => bytes(text.slice(0, u)));
    expect(toUtf16(text, asked)).toEqual(units);
    expect(toUtf16(text, asked.toReversed())).toEqual(units.toReversed());
  });

  test("what is within a character or beyond the end is nowhere", () => {
    expect(toUtf16("€5", [1, 2, 3, 4, 5, -1])).toEqual([undefined, undefined, 1, 2, undefined, undefined]);
    expect(toUtf16("📷", [0, 2, 4])).toEqual([0, undefined, 2]);
  });
});

describe("quotes", () => {
  test.each([
    ["12 km", "12 km", true],
    ["12 km", "12 mi", false],
    ["4111 1111", "4*** ***1", true],
    ["4111 1111", "4*** ***2", false],
    ["12 km", "12", false],
    ["12", "12 km", false],
    ["📷é", "**", true],
    ["x", "", false],
    ["a".repeat(900), "a".repeat(512), true],
    [`${"é".repeat(400)}`, "é".repeat(255), true],
  ])("%j is quoted by %j: %s", (part, quote, is) => {
    expect(isQuoted(part, quote)).toBe(is);
  });
});

test.each([
  ['"a \\"b\\" 🙂\\r\\n"', 'a "b" 🙂\r\n'],
  ['{"a":1}', undefined],
  ['"cut of', undefined],
  ["plain", undefined],
])("%s holds %j", (json, text) => {
  expect(heldText(json)).toBe(text);
});
