import { expect, test } from "vitest";
import { panesOf } from "./panes";

test.each([
  ["a wide window shows both", undefined, false, false, "both"],
  ["a wide window shows both, a span in its place", undefined, false, true, "both"],
  ["a narrow window begins with the timeline", undefined, true, false, "timeline"],
  ["a link to a span leads to the span", undefined, true, true, "read"],
  ["the address decides", "timeline", true, true, "timeline"],
  ["the address decides in a wide window, too", "read", false, false, "read"],
] as const)("%s", (_, view, isNarrow, hasSpan, shows) => {
  expect(panesOf(view, isNarrow, hasSpan)).toBe(shows);
});
