import { expect, test } from "vitest";
import { linesOf, reasonOf } from "./cost";

test.each([
  ["input", "25", "0.00000375", ["input", "25 × $0.15 / million", "$0.00000375"]],
  ["cache_read", "32", "0.0000024", ["read from cache", "32 × $0.075 / million", "$0.0000024"]],
  ["output", "1234567", "12.34567", ["output", "1,234,567 × $10 / million", "$12.34567"]],
  ["reasoning", "0", "0", ["reasoning", "0 × $0 / million", "$0"]],
  ["per_request", "1", "0.005", ["the call itself", "1 × $0.005", "$0.005"]],
  ["per_image", "2", "0.08", ["images", "2 × $0.04", "$0.08"]],
  ["per_second", "2500", "0.00025", ["time", "2.5 s × $0.0001", "$0.00025"]],
  // Of a server that is newer than the page.
  ["priority_input", "10", "0.00001", ["priority input", "10 × $1 / million", "$0.00001"]],
])("%s of %s units for %s", (tier, count, amount, [name, sum, paid]) => {
  expect(linesOf({ currency: "USD", parts: [{ tier, count, amount }] })).toEqual([{ name, sum, amount: paid }]);
});

test("a cost without parts has no lines", () => {
  expect(linesOf({ amount: "1", currency: "USD" })).toEqual([]);
});

test("every reason of docs/cost.md is said in words, and one that is new by its code", () => {
  for (const code of ["no_model", "unknown_provider", "unknown_model", "no_price_then", "no_tier_price", "no_usage", "usage_disagrees", "too_large"]) {
    expect(reasonOf(code).why).toMatch(/^(the|a|something) /);
    expect(reasonOf(code).todo).not.toBe("");
  }
  expect(reasonOf("moon_phase")).toEqual({ why: "moon phase", todo: "" });
});
