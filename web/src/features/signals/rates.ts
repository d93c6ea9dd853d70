// What is drawn of a signal: of one that detects its rate with the interval, of a plain fact its mean with its spread.
import type { CorrectedRate, Series, SignalInfo, SignalSum } from "../../api/signals";
import { formatFilter } from "../../lib/filter";
import { formatScore, formatShare, foundAt } from "../../lib/signals";

/** The fields that a breakdown offers, and their headings. */
export const breakdownFields = [
  { id: "service", label: "Service" },
  { id: "model", label: "Model" },
  { id: "prompt.version", label: "Prompt version" },
  { id: "agent", label: "Agent" },
  { id: "environment", label: "Environment" },
  { id: "label", label: "Label" },
] as const;

export type BreakdownField = (typeof breakdownFields)[number]["id"];

/** A figure, and the interval around it. */
export interface Figure {
  value: number;
  low: number;
  high: number;
}

export function figureOf(sum: SignalSum): Figure {
  if (sum.rate) return { value: sum.rate.share, low: sum.rate.low, high: sum.rate.high };
  return { value: sum.mean, low: sum.mean - sum.deviation, high: sum.mean + sum.deviation };
}

/** "3.1 %", or "120 characters". */
export function sayFigure(sum: SignalSum, unit: string): string {
  return sum.rate ? formatShare(sum.rate.share) : formatScore(sum.mean, unit);
}

/** "1.2 % to 7.9 %", or "± 40". */
export function sayInterval(sum: SignalSum): string {
  return sum.rate ? `${formatShare(sum.rate.low)} to ${formatShare(sum.rate.high)}` : `± ${formatScore(sum.deviation, "1")}`;
}

/** "Corrected for the detector's own errors: 2.4 % (1.1 % to 4 %). …" */
export function sayCorrected({ share, low, high, sensitivity, specificity }: CorrectedRate): string {
  return (
    `Corrected for the detector's own errors: ${formatShare(share)} (${formatShare(low)} to ${formatShare(high)}). ` +
    `Of your labelled answers it found ${formatShare(sensitivity)} of those that are so, and passed ${formatShare(specificity)} of those that are not.`
  );
}

/** A signal with what was seen of it in the time. */
export interface Listed {
  info: SignalInfo;
  total: SignalSum | undefined;
  steps: readonly SignalSum[];
}

/** The catalog's signals in its order, detectors first; then those of analyzers of former days. */
export function listSignals(known: readonly SignalInfo[], series: Series): Listed[] {
  const former = [...series.signals.keys()]
    .filter((name) => !known.some((s) => s.name === name))
    .map((name): SignalInfo => {
      const { rate } = series.signals.get(name)!.total;
      return { name, meaning: "Of an analyzer that this server no longer has.", unit: "1", labels: [], detects: rate !== undefined, analyzer: "" };
    });
  const all = [...known, ...former].map((info) => {
    const seen = series.signals.get(info.name);
    return { info, total: seen?.total, steps: seen?.steps ?? [] };
  });
  return [...all.filter((s) => s.info.detects), ...all.filter((s) => !s.info.detects)];
}

/** The top of an axis from 0: the least of 1, 2 and 5 times a power of ten that holds the value. */
export function axisTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const times = value / power;
  return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

/** The filters of the traces that a row of a breakdown, or a whole signal, is about. */
export function filtersFor(info: SignalInfo, by?: BreakdownField, value = ""): string[] {
  if (by === "label") return [formatFilter({ field: `signal.${info.name}`, op: "=", value })];
  const found = info.detects ? [formatFilter({ field: `signal.${info.name}`, op: ">=", value: String(foundAt) })] : [];
  return by === undefined ? found : [...found, formatFilter({ field: by, op: "=", value })];
}

/** Steps that follow each other, so that a line does not cross a time in which nothing was scored. */
export function runsOf(steps: readonly SignalSum[], stepMs: number): SignalSum[][] {
  const runs: SignalSum[][] = [];
  for (const step of steps) {
    const run = runs.at(-1);
    if (run && step.startMs - run.at(-1)!.startMs < stepMs * 1.5) run.push(step);
    else runs.push([step]);
  }
  return runs;
}
