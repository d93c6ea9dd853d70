// How a cost came about, in words. The reasons are those of docs/cost.md.
import type { Cost } from "../../../api/types";
import { exactMoney, formatCount, parseCount } from "../../../lib/format";

const ownPrice = "Give the model a price of your own with --prices.";
const seeSender = "See what the instrumentation sends.";

/** Why the price book gives no amount, and what to do about it. */
const reasons: Record<string, { why: string; todo: string }> = {
  no_model: { why: "the span names no model", todo: seeSender },
  unknown_provider: { why: "the price book has nothing of this provider", todo: ownPrice },
  unknown_model: { why: "the price book does not have this model", todo: ownPrice },
  no_price_then: { why: "the price book’s first price of this model is younger than the call", todo: "Add an earlier price with --prices." },
  no_tier_price: { why: "something was used that has no price, such as a cache for an hour, or a batch", todo: "Add that price with --prices." },
  no_usage: { why: "a count that costs money was not sent", todo: seeSender },
  usage_disagrees: { why: "the counts disagree: more was cached than read, or more reasoned than written", todo: "A warning on the span says which." },
  too_large: { why: "the sum is larger than can be stored", todo: seeSender },
};

export function reasonOf(code: string): { why: string; todo: string } {
  // A server may know more reasons than this page.
  return reasons[code] ?? { why: code.replaceAll("_", " "), todo: "" };
}

/** Names of tiers, and what one unit of them is. */
const tiers: Record<string, { name: string; unit: "token" | "request" | "image" | "second" }> = {
  input: { name: "input", unit: "token" },
  output: { name: "output", unit: "token" },
  cache_read: { name: "read from cache", unit: "token" },
  cache_write: { name: "written to cache", unit: "token" },
  cache_write_1h: { name: "written to cache for an hour", unit: "token" },
  input_audio: { name: "audio input", unit: "token" },
  output_audio: { name: "audio output", unit: "token" },
  input_image: { name: "image input", unit: "token" },
  output_image: { name: "image output", unit: "token" },
  reasoning: { name: "reasoning", unit: "token" },
  batch_input: { name: "input of a batch", unit: "token" },
  batch_output: { name: "output of a batch", unit: "token" },
  batch_cache_read: { name: "read from cache in a batch", unit: "token" },
  per_request: { name: "the call itself", unit: "request" },
  per_image: { name: "images", unit: "image" },
  per_second: { name: "time", unit: "second" },
};

export interface CostLine {
  name: string;
  /** "1,840 × $3 / million" */
  sum: string;
  amount: string;
}

/** What was paid for what, a line a price. */
export function linesOf(cost: Cost): CostLine[] {
  return (cost.parts ?? []).map((part) => {
    const { name, unit } = tiers[part.tier ?? ""] ?? { name: (part.tier ?? "").replaceAll("_", " "), unit: "token" };
    // What is paid by the second is counted in milliseconds.
    const count = (parseCount(part.count) ?? 0) / (unit === "second" ? 1000 : 1);
    const units = unit === "second" ? `${Number(count.toFixed(3))} s` : formatCount(count);
    const perUnit = count > 0 ? Number(part.amount ?? "0") / count : 0;
    // Books give the prices of tokens by the million; six digits are more than any has.
    const price = exactMoney(plain(unit === "token" ? perUnit * 1e6 : perUnit), cost.currency);
    return { name, sum: `${units} × ${price}${unit === "token" ? " / million" : ""}`, amount: exactMoney(part.amount || "0", cost.currency) };
  });
}

const sixDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 6, useGrouping: false });

function plain(n: number): string {
  return sixDigits.format(n);
}
