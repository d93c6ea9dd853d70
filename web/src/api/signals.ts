// What analyzers say of spans, and the edge where wire values become numbers.
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { parseCount } from "../lib/format";
import { foundAt, signalWord } from "../lib/signals";
import { instantToMs, parseDuration, parseInstant, type EpochMs, type TimeRange } from "../lib/time";
import { client, must } from "./client";
import type { WireCatalog, WireSignal, WireSignalBreakdown, WireSignals, WireSignalSeries, WireSignalSum } from "./types";

export interface SignalInfo {
  name: string;
  meaning: string;
  unit: string;
  labels: readonly string[];
  detects: boolean;
  analyzer: string;
}

export interface Catalog {
  signals: readonly SignalInfo[];
  /** The process that answers scores what comes in. */
  isScoring: boolean;
}

/** A share with its interval. */
interface Rate {
  found: number;
  share: number;
  low: number;
  high: number;
}

/** What a signal says of some spans together. */
export interface CorrectedRate {
  share: number;
  low: number;
  high: number;
  sensitivity: number;
  specificity: number;
}

export interface SignalSum {
  startMs: EpochMs;
  value: string;
  spans: number;
  /** A plain fact has none. */
  rate: Rate | undefined;
  /** The rate without what the detector misses and invents, where labels have told how often it does. */
  corrected: CorrectedRate | undefined;
  mean: number;
  deviation: number;
  labels: readonly { label: string; spans: number }[];
}

export interface Series {
  stepMs: number;
  signals: ReadonlyMap<string, { total: SignalSum; steps: readonly SignalSum[] }>;
}

export interface SignalQuery extends TimeRange {
  project: string | undefined;
  filter: readonly string[];
}

const inProject = (project: string | undefined) => (project ? { project } : {});

const scope = ({ project, fromMs, toMs, filter }: SignalQuery) => ({
  ...inProject(project),
  startTime: new Date(fromMs).toISOString(),
  endTime: new Date(toMs).toISOString(),
  ...(filter.length > 0 ? { filter: [...filter] } : {}),
});

function toCatalog(wire: WireCatalog): Catalog {
  return {
    isScoring: wire.scoring ?? false,
    signals: (wire.analyzers ?? []).flatMap((a) =>
      (a.signals ?? []).map((s) => ({
        name: s.name ?? "",
        meaning: s.meaning ?? "",
        unit: s.unit ?? "",
        labels: s.labels ?? [],
        detects: s.detects ?? false,
        analyzer: `${a.name} ${a.version}`,
      })),
    ),
  };
}

function toSum(wire: WireSignalSum | undefined): SignalSum {
  const at = parseInstant(wire?.startTime);
  const rate = wire?.rate;
  const corrected = wire?.correctedRate;
  return {
    startMs: at ? instantToMs(at) : 0,
    value: wire?.value ?? "",
    spans: parseCount(wire?.spans) ?? 0,
    rate: rate ? { found: parseCount(rate.found) ?? 0, share: rate.share ?? 0, low: rate.low ?? 0, high: rate.high ?? 1 } : undefined,
    corrected: corrected
      ? {
          share: corrected.share ?? 0,
          low: corrected.low ?? 0,
          high: corrected.high ?? 1,
          sensitivity: corrected.sensitivity ?? 0,
          specificity: corrected.specificity ?? 0,
        }
      : undefined,
    mean: wire?.meanScore ?? 0,
    deviation: wire?.deviation ?? 0,
    labels: (wire?.labels ?? []).map((l) => ({ label: l.label ?? "", spans: parseCount(l.spans) ?? 0 })),
  };
}

function toSeries(wire: WireSignalSeries): Series {
  return {
    stepMs: (parseDuration(wire.step) ?? 0) / 1e6,
    signals: new Map((wire.series ?? []).map((s) => [s.signal ?? "", { total: toSum(s.total), steps: (s.steps ?? []).map(toSum) }])),
  };
}

export function catalogQuery() {
  return queryOptions({
    queryKey: ["signals", "catalog"],
    queryFn: async ({ signal }) => toCatalog(must(await client.GET("/v1/signals/catalog", { signal }))),
    staleTime: Infinity,
  });
}

/** Every signal over time: one answer draws the whole page. */
export function seriesQuery(q: SignalQuery) {
  return queryOptions({
    queryKey: ["signals", "series", q],
    queryFn: async ({ signal }) => toSeries(must(await client.GET("/v1/signals/series", { params: { query: scope(q) }, signal }))),
    placeholderData: keepPreviousData,
  });
}

export function breakdownQuery(q: SignalQuery, name: string, by: string) {
  return queryOptions({
    queryKey: ["signals", "breakdown", q, name, by],
    queryFn: async ({ signal }) => {
      const query = { ...scope(q), signal: name, by };
      const wire: WireSignalBreakdown = must(await client.GET("/v1/signals/breakdown", { params: { query }, signal }));
      return { values: (wire.breakdowns?.[0]?.values ?? []).map(toSum), isTruncated: wire.truncated ?? false };
    },
  });
}

/** What is said of a trace changes while it is being scored. */
const signalsStaleMs = 10_000;

export function traceSignalsQuery(traceId: string, project?: string) {
  return queryOptions({
    queryKey: ["trace", traceId, project ?? "", "signals"],
    queryFn: async ({ signal }) => {
      const params = { path: { trace_id: traceId }, query: inProject(project) };
      const wire: WireSignals = must(await client.GET("/v1/traces/{trace_id}/signals", { params, signal }));
      return { signals: wire.signals ?? [], isTruncated: wire.truncated ?? false };
    },
    staleTime: signalsStaleMs,
  });
}

/** The words for what was found in spans, each once, by span. */
export function wordsBySpan(signals: readonly WireSignal[]): ReadonlyMap<string, readonly string[]> {
  const words = new Map<string, string[]>();
  for (const s of signals) {
    if ((s.probability ?? 0) < foundAt) continue;
    const word = signalWord(s.name ?? "");
    const list = words.get(s.spanId ?? "") ?? [];
    if (!list.includes(word)) words.set(s.spanId ?? "", [...list, word]);
  }
  return words;
}
