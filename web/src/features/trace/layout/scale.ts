// The time axis: which stretch of the trace is seen, where a span lies on it, where the ticks go.
import type { Nanoseconds } from "../../../lib/time";

/** The stretch of time that the waterfall shows, in nanoseconds after the trace's origin. */
export interface TimeWindow {
  fromNs: Nanoseconds;
  toNs: Nanoseconds;
}

/** A window never shows less than this: below it the numbers of one clock mean nothing. */
const minWindowNs = 1_000;

export function fullWindow(totalNs: Nanoseconds): TimeWindow {
  return { fromNs: 0, toNs: Math.max(totalNs, minWindowNs) };
}

/** Keeps a window inside the trace and wider than nothing. */
export function clampWindow(w: TimeWindow, totalNs: Nanoseconds): TimeWindow {
  const full = fullWindow(totalNs);
  const width = Math.min(Math.max(w.toNs - w.fromNs, minWindowNs), full.toNs);
  const fromNs = Math.min(Math.max(w.fromNs, 0), full.toNs - width);
  return { fromNs, toNs: fromNs + width };
}

/** Zooms about a point: a factor below 1 shows less time. */
export function zoomWindow(w: TimeWindow, aboutNs: Nanoseconds, factor: number, totalNs: Nanoseconds): TimeWindow {
  const at = Math.min(Math.max(aboutNs, w.fromNs), w.toNs);
  return clampWindow({ fromNs: at - (at - w.fromNs) * factor, toNs: at + (w.toNs - at) * factor }, totalNs);
}

export interface Bar {
  /** Per cent of the width. */
  left: number;
  width: number;
  /** The span goes on to the left or right of what is seen. */
  cutLeft: boolean;
  cutRight: boolean;
}

/** Where a span's bar lies; undefined when it is out of sight. */
export function barOf(startNs: Nanoseconds, durationNs: Nanoseconds, w: TimeWindow): Bar | undefined {
  const endNs = startNs + durationNs;
  if (endNs < w.fromNs || startNs > w.toNs) return undefined;
  const width = w.toNs - w.fromNs;
  const left = Math.max(startNs, w.fromNs);
  const right = Math.min(endNs, w.toNs);
  return {
    left: ((left - w.fromNs) / width) * 100,
    width: ((right - left) / width) * 100,
    cutLeft: startNs < w.fromNs,
    cutRight: endNs > w.toNs,
  };
}

export interface Tick {
  /** Per cent of the width. */
  at: number;
  label: string;
}

/** Steps that people count in, in seconds, where the axis is long. */
const longStepsSeconds = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400];
/** Pixels that a character of a label takes at most, and those around a label. */
const charPixels = 7;
const gapPixels = 14;

/**
 * Round steps (1, 2 or 5 times a power of ten, or parts of an hour), as many as stand side by side on an
 * axis of this many pixels, six at most. Labels have the digits that the step needs, so that no two are
 * the same; one that would stand out of the axis is left away, its line stays.
 */
export function ticksOf(w: TimeWindow, axisPixels: number): Tick[] {
  for (let most = 6; most > 1; most--) {
    const ticks = roundTicks(w, most);
    const room = ticks.length > 1 ? ((ticks[1]!.at - ticks[0]!.at) / 100) * axisPixels : axisPixels;
    const needs = (t: Tick) => t.label.length * charPixels + gapPixels;
    if (most > 2 && ticks.some((t) => needs(t) > room)) continue;
    return ticks.map((t) => ((t.at / 100) * axisPixels + needs(t) > axisPixels + gapPixels ? { ...t, label: "" } : t));
  }
  return [];
}

function roundTicks(w: TimeWindow, most: number): Tick[] {
  const width = w.toNs - w.fromNs;
  const step = stepOf(width / Math.max(most, 1));
  const ticks: Tick[] = [];
  for (let k = Math.ceil(w.fromNs / step); k * step <= w.toNs; k++) {
    ticks.push({ at: ((k * step - w.fromNs) / width) * 100, label: tickLabel(k * step, step, w.toNs) });
  }
  return ticks;
}

function stepOf(atLeastNs: Nanoseconds): Nanoseconds {
  const long = atLeastNs > 5e9 ? longStepsSeconds.find((s) => s * 1e9 >= atLeastNs) : undefined;
  if (long) return long * 1e9;
  const power = 10 ** Math.floor(Math.log10(atLeastNs));
  return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= atLeastNs) ?? atLeastNs;
}

const units = [
  { ns: 1e9, name: "s" },
  { ns: 1e6, name: "ms" },
  { ns: 1e3, name: "µs" },
  { ns: 1, name: "ns" },
];

/** A place on the axis in the unit of its far end. */
function tickLabel(ns: Nanoseconds, stepNs: Nanoseconds, endNs: Nanoseconds): string {
  if (ns === 0) return "0";
  const unit = units.find((u) => endNs >= u.ns) ?? units[3]!;
  const digits = Math.max(0, Math.ceil(Math.log10(unit.ns / stepNs) - 1e-9));
  if (ns < 60e9) return `${(ns / unit.ns).toFixed(digits)} ${unit.name}`;
  const seconds = Number((ns / 1e9).toFixed(digits));
  const rest = (seconds % 60).toFixed(digits).padStart(digits > 0 ? digits + 3 : 2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${rest} m`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest} h`;
}
