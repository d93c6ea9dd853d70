import { expect, test } from "vitest";
import { formatScore, formatShare, signalKind, signalTitle, signalWord } from "./signals";

test.each([
  ["grounding", "unsupported", "unsupported", "Unsupported answers"],
  ["refusal.full", "refusal", "refusal", "Flat refusals"],
  ["leakage.secret_key", "leak", "leak", "Leakage secret key"],
  ["behaviour.tool_path", "other", "behaviour tool path", "Tool path"],
  ["tone.rude_words", "other", "tone rude words", "Tone rude words"],
])("%s is of kind %s", (name, kind, word, title) => {
  expect([signalKind(name), signalWord(name), signalTitle(name)]).toEqual([kind, word, title]);
});

test.each([
  [0, "0 %"],
  [1, "100 %"],
  [0.0004, "< 0.1 %"],
  [0.9999, "> 99.9 %"],
  [0.0312, "3.1 %"],
  [0.5, "50 %"],
  [0.973, "97.3 %"],
])("%d is %s", (share, text) => {
  expect(formatShare(share)).toBe(text);
});

test.each([
  [1234, "{character}", "1,234 characters"],
  [1, "{character}", "1 character"],
  [0.12345, "1", "0.123"],
  [2.5, "s", "2.5 s"],
])("%d in %s is %s", (score, unit, text) => {
  expect(formatScore(score, unit)).toBe(text);
});
