// The time axis: which stretch of the trace is seen, where a span lies on it, where the ticks go.
import { formatDuration, type Nanoseconds } from "../../../lib/time";

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

/** Round steps (1, 2 or 5 times a power of ten), at most `most` of them. */
export function ticksOf(w: TimeWindow, most: number): Tick[] {
  const width = w.toNs - w.fromNs;
  const raw = width / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const ticks: Tick[] = [];
  for (let k = Math.ceil(w.fromNs / step); k * step <= w.toNs; k++) {
    ticks.push({ at: ((k * step - w.fromNs) / width) * 100, label: k === 0 ? "0" : formatDuration(k * step) });
  }
  return ticks;
}
