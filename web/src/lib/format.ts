// Numbers as people read them. What is not known is said to be unknown; it is never shown as 0.

export const unknown = "unknown";

/** Reads an int64 that the API wrote as a string. Absent stays absent. */
export function parseCount(text: string | number | undefined | null): number | undefined {
  if (text === undefined || text === null || text === "") return undefined;
  const n = Number(text);
  return Number.isFinite(n) ? n : undefined;
}

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 12345 → "12,345". */
export function formatCount(n: number): string {
  return grouped.format(n);
}

/** 12345 → "12.3k": for columns. The exact number belongs into a title. */
export function formatShort(n: number): string {
  const abs = Math.abs(n);
  if (abs < 1000) return String(n);
  const units = ["k", "M", "G", "T"];
  let value = abs;
  let unit = -1;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const text = value >= 99.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
  return `${n < 0 ? "-" : ""}${text}${units[unit]}`;
}

export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

const symbols: Record<string, string> = { USD: "$", EUR: "€", GBP: "£", JPY: "¥" };

/**
 * An exact decimal with its currency → "$0.0042". Two digits from one unit upwards, two significant
 * digits below. An empty amount is unknown, which is not free.
 */
export function formatMoney(amount: string | undefined, currency: string | undefined): string {
  const value = amount ? Number(amount) : Number.NaN;
  if (!Number.isFinite(value)) return unknown;
  const abs = Math.abs(value);
  let digits: string;
  if (abs === 0) digits = "0";
  else if (abs >= 1) digits = abs.toFixed(2);
  else if (abs >= 0.1) digits = abs.toFixed(3);
  else digits = abs.toFixed(Math.min(9, 1 - Math.floor(Math.log10(abs))));
  const sign = value < 0 ? "-" : "";
  const symbol = symbols[currency ?? ""];
  if (symbol) return `${sign}${symbol}${digits}`;
  return `${sign}${digits}${currency ? ` ${currency}` : ""}`;
}

/** The amount as it was computed, to the last digit: "0.0000018" → "$0.0000018". */
export function exactMoney(amount: string, currency: string | undefined): string {
  const symbol = symbols[currency ?? ""];
  if (symbol) return amount.startsWith("-") ? `-${symbol}${amount.slice(1)}` : symbol + amount;
  return currency ? `${amount} ${currency}` : amount;
}

/**
 * What a trace cost, in short and in full. Where `unpriced` of its spans have no known cost, the sum of
 * the others is the least that it can be, and says so.
 */
export function sayCost(cost: { amount?: string; currency?: string } | undefined, unpriced: number): { text: string; full: string } {
  const lacking = unpriced > 0 ? `${plural(unpriced, "span has", "spans have")} no known cost` : "";
  if (!cost?.amount) return { text: unknown, full: lacking ? `The cost is not known: ${lacking}` : "The cost is not known" };
  const text = formatMoney(cost.amount, cost.currency);
  const full = `${cost.amount} ${cost.currency ?? ""}`.trim();
  if (!lacking) return { text, full };
  return { text: `≥ ${text}`, full: `At least ${full}: ${lacking} and ${unpriced === 1 ? "is" : "are"} not in the sum` };
}

/** 1 → "1 span", 2 → "2 spans". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** Cuts a snippet by UTF-8 byte offsets, as the API counts, into marked and unmarked pieces. */
export function splitHighlights(text: string, highlights: ReadonlyArray<{ start?: number; end?: number }>): { text: string; hit: boolean }[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const pieces: { text: string; hit: boolean }[] = [];
  const push = (from: number, to: number, hit: boolean) => {
    if (to > from) pieces.push({ text: decoder.decode(bytes.subarray(from, to)), hit });
  };
  let at = 0;
  for (const { start = 0, end = 0 } of [...highlights].sort((a, b) => (a.start ?? 0) - (b.start ?? 0))) {
    if (start < at || end <= start || end > bytes.length) continue;
    push(at, start, false);
    push(start, end, true);
    at = end;
  }
  push(at, bytes.length, false);
  return pieces;
}
