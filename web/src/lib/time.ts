// Time as the API writes it (RFC 3339 with up to nine fractional digits, durations as "1.5s") and
// as people read it. Nanoseconds since 1970 do not fit a double exactly, so an instant is two
// numbers and only differences become nanoseconds.

declare const unit: unique symbol;
/** A length of time in nanoseconds. Exact up to 104 days. */
export type Nanoseconds = number & { readonly [unit]?: "ns" };
/** A point in time in milliseconds since 1970, UTC. */
export type EpochMs = number & { readonly [unit]?: "ms" };

/** A point in time: whole seconds since 1970 and the nanoseconds after them. */
export interface Instant {
  seconds: number;
  nanos: number;
}

const timestamp = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)$/;

/** Reads an RFC 3339 timestamp; undefined when it is none. */
export function parseInstant(text: string | undefined): Instant | undefined {
  if (!text) return undefined;
  const m = timestamp.exec(text);
  if (!m) return undefined;
  let seconds = Date.UTC(+m[1]!, +m[2]! - 1, +m[3]!, +m[4]!, +m[5]!, +m[6]!) / 1000;
  const zone = m[8]!;
  if (zone.length === 6) {
    const minutes = +zone.slice(1, 3) * 60 + +zone.slice(4);
    seconds -= (zone[0] === "-" ? -minutes : minutes) * 60;
  }
  return { seconds, nanos: m[7] ? +m[7].padEnd(9, "0") : 0 };
}

export function instantToMs(at: Instant): EpochMs {
  return at.seconds * 1000 + at.nanos / 1e6;
}

/** Nanoseconds from `from` to `to`. */
export function nanosBetween(from: Instant, to: Instant): Nanoseconds {
  return (to.seconds - from.seconds) * 1e9 + (to.nanos - from.nanos);
}

export function isBefore(a: Instant, b: Instant): boolean {
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos);
}

/** Reads a protobuf duration ("1.5s"); undefined when it is none. */
export function parseDuration(text: string | undefined): Nanoseconds | undefined {
  const m = text ? /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(text) : null;
  if (!m) return undefined;
  const nanos = +m[2]! * 1e9 + (m[3] ? +m[3].padEnd(9, "0") : 0);
  return m[1] ? -nanos : nanos;
}

/** 1_234_000_000 → "1.23 s": three significant digits, the unit people would say. */
export function formatDuration(ns: Nanoseconds): string {
  const abs = Math.abs(ns);
  // A unit ends where three digits would round up into the next one: 999.6 ms is 1.00 s.
  if (abs < 999.5) return `${Math.round(ns)} ns`;
  if (abs < 999.5e3) return `${significant(ns / 1e3)} µs`;
  if (abs < 999.5e6) return `${significant(ns / 1e6)} ms`;
  if (abs < 59.95e9) return `${significant(ns / 1e9)} s`;
  const totalSeconds = Math.round(abs / 1e9);
  const hours = Math.floor(totalSeconds / 3600);
  const minutes = Math.floor((totalSeconds % 3600) / 60);
  const seconds = totalSeconds % 60;
  return hours > 0 ? `${hours} h ${pad(minutes)} m` : `${minutes} m ${pad(seconds)} s`;
}

function significant(value: number): string {
  const abs = Math.abs(value);
  return value.toFixed(abs >= 99.95 ? 0 : abs >= 9.995 ? 1 : 2);
}

const pad = (n: number, width = 2) => String(n).padStart(width, "0");

/** Whose clock the page shows. */
export type Zone = "local" | "utc";

function clockParts(ms: EpochMs, zone: Zone) {
  const d = new Date(ms);
  return zone === "utc"
    ? {
        y: d.getUTCFullYear(),
        mo: d.getUTCMonth() + 1,
        d: d.getUTCDate(),
        h: d.getUTCHours(),
        mi: d.getUTCMinutes(),
        s: d.getUTCSeconds(),
        f: d.getUTCMilliseconds(),
      }
    : { y: d.getFullYear(), mo: d.getMonth() + 1, d: d.getDate(), h: d.getHours(), mi: d.getMinutes(), s: d.getSeconds(), f: d.getMilliseconds() };
}

/** "14:03:09", with milliseconds on request. */
export function formatClock(ms: EpochMs, zone: Zone, withMs = false): string {
  const p = clockParts(ms, zone);
  const clock = `${pad(p.h)}:${pad(p.mi)}:${pad(p.s)}`;
  return withMs ? `${clock}.${pad(p.f, 3)}` : clock;
}

/** "2026-11-24". */
export function formatDay(ms: EpochMs, zone: Zone): string {
  const p = clockParts(ms, zone);
  return `${p.y}-${pad(p.mo)}-${pad(p.d)}`;
}

/** "2026-11-24 14:03:09.120 UTC". */
export function formatInstant(ms: EpochMs, zone: Zone): string {
  return `${formatDay(ms, zone)} ${formatClock(ms, zone, true)}${zone === "utc" ? " UTC" : ""}`;
}

/** "4 min ago", for times near `now`; the day otherwise. */
export function formatAgo(ms: EpochMs, now: EpochMs, zone: Zone): string {
  const seconds = Math.round((now - ms) / 1000);
  if (seconds < 0) return formatClock(ms, zone);
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return formatDay(ms, zone);
}

/** What the time picker offers: a length that ends now. */
export const presets = [
  { id: "15m", ms: 15 * 60_000, label: "Last 15 minutes" },
  { id: "1h", ms: 3_600_000, label: "Last hour" },
  { id: "6h", ms: 6 * 3_600_000, label: "Last 6 hours" },
  { id: "24h", ms: 24 * 3_600_000, label: "Last 24 hours" },
  { id: "7d", ms: 7 * 86_400_000, label: "Last 7 days" },
  { id: "30d", ms: 30 * 86_400_000, label: "Last 30 days" },
] as const;

export type PresetId = (typeof presets)[number]["id"];

export interface TimeRange {
  fromMs: EpochMs;
  toMs: EpochMs;
}

/** Turns what the URL says into two points in time. Both ends absolute, or a preset that ends at `now`. */
export function resolveRange(search: { range?: string | undefined; from?: string | undefined; to?: string | undefined }, now: EpochMs): TimeRange {
  const from = parseInstant(search.from);
  const to = parseInstant(search.to);
  if (from && to && isBefore(from, to)) return { fromMs: instantToMs(from), toMs: instantToMs(to) };
  const preset = presets.find((p) => p.id === search.range) ?? presets[3];
  return { fromMs: now - preset.ms, toMs: now };
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** Steps that people count time in. */
const stepsMs = [1, 2, 5, 10, 15, 30]
  .map((s) => s * 1000)
  .concat([1, 2, 5, 10, 15, 30].map((m) => m * minuteMs))
  .concat([1, 2, 3, 6, 12].map((h) => h * hourMs))
  .concat([1, 2, 7, 14, 28, 91, 364].map((d) => d * dayMs));

export interface TimeTick {
  ms: EpochMs;
  label: string;
}

/**
 * Round moments of a stretch of time, at most `most`, on the clock of `zone`: "14:30", with seconds where
 * the steps are shorter than a minute, and the day where one begins.
 */
export function timeTicks({ fromMs, toMs }: TimeRange, zone: Zone, most: number): TimeTick[] {
  const least = (toMs - fromMs) / Math.max(most, 1);
  const step = stepsMs.find((s) => s >= least) ?? Math.ceil(least / dayMs) * dayMs;
  // Where clocks are changed between two ticks, those after it are an hour off the round, and labelled as they are.
  const offset = zone === "utc" ? 0 : new Date(fromMs).getTimezoneOffset() * minuteMs;
  const ticks: TimeTick[] = [];
  for (let ms = Math.ceil((fromMs - offset) / step) * step + offset; ms < toMs; ms += step) {
    const clock = formatClock(ms, zone);
    const isMidnight = clock === "00:00:00";
    ticks.push({ ms, label: isMidnight && step >= hourMs ? formatDay(ms, zone).slice(5) : clock.slice(0, step < minuteMs ? 8 : 5) });
  }
  return ticks;
}

/** The value of a datetime-local field, with seconds. */
export function toFieldValue(ms: EpochMs, zone: Zone): string {
  return `${formatDay(ms, zone)}T${formatClock(ms, zone)}`;
}

/** Reads a datetime-local field; undefined when it is empty or no time. */
export function fromFieldValue(value: string, zone: Zone): EpochMs | undefined {
  const ms = Date.parse(zone === "utc" ? `${value}Z` : value);
  return Number.isNaN(ms) ? undefined : ms;
}
