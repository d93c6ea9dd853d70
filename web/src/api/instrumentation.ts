// The report on how instrumentations are read, and the edge where wire values become numbers.
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { parseCount } from "../lib/format";
import { instantToMs, parseInstant, type EpochMs, type TimeRange } from "../lib/time";
import { client, must } from "./client";
import type { WireReadingReport } from "./types";

/** How many of some spans have something. */
export interface Share {
  have: number;
  of: number;
}

/** What is wrong with some spans, or good to know. */
export interface Finding {
  code: string;
  spans: number;
  /** Nothing is lost. */
  isInformation: boolean;
  title: string;
  meaning: string;
  action: string;
  settings: readonly string[];
  examples: readonly { traceId: string; spanId: string; startMs: EpochMs }[];
}

/** What one instrumentation sent for one service. */
export interface Instrumentation {
  service: string;
  namespace: string;
  dialect: string;
  versions: readonly string[];
  scopeName: string;
  scopeVersion: string;
  spans: number;
  modelCalls: number;
  input: Share;
  output: Share;
  model: Share;
  tokens: Share;
  cost: Share;
  lastMs: EpochMs;
  findings: readonly Finding[];
}

export interface ReadingReport {
  rows: readonly Instrumentation[];
  isTruncated: boolean;
}

const count = (text: string | undefined) => parseCount(text) ?? 0;
const ms = (text: string | undefined) => {
  const at = parseInstant(text);
  return at ? instantToMs(at) : 0;
};
const share = (wire: { have?: string; of?: string } | undefined): Share => ({ have: count(wire?.have), of: count(wire?.of) });

export function toReadingReport(wire: WireReadingReport): ReadingReport {
  return {
    isTruncated: wire.truncated ?? false,
    rows: (wire.instrumentations ?? []).map((i) => ({
      service: i.service ?? "",
      namespace: i.serviceNamespace ?? "",
      dialect: i.dialect ?? "",
      versions: i.dialectVersions ?? [],
      scopeName: i.scopeName ?? "",
      scopeVersion: i.scopeVersion ?? "",
      spans: count(i.spans),
      modelCalls: count(i.modelCalls),
      input: share(i.input),
      output: share(i.output),
      model: share(i.model),
      tokens: share(i.tokens),
      cost: share(i.cost),
      lastMs: ms(i.lastSeen),
      findings: (i.findings ?? []).map((f) => ({
        code: f.code ?? "",
        spans: count(f.spans),
        isInformation: f.information ?? false,
        title: f.title || (f.code ?? "").replaceAll("_", " "),
        meaning: f.meaning ?? "",
        action: f.action ?? "",
        settings: f.settings ?? [],
        examples: (f.examples ?? []).map((e) => ({ traceId: e.traceId ?? "", spanId: e.spanId ?? "", startMs: ms(e.startTime) })),
      })),
    })),
  };
}

export function readingReportQuery({ project, fromMs, toMs }: TimeRange & { project: string | undefined }) {
  return queryOptions({
    queryKey: ["instrumentation", project ?? "", fromMs, toMs],
    queryFn: async ({ signal }) => {
      const query = { startTime: new Date(fromMs).toISOString(), endTime: new Date(toMs).toISOString(), ...(project ? { project } : {}) };
      return toReadingReport(must(await client.GET("/v1/instrumentation", { params: { query }, signal })));
    },
    placeholderData: keepPreviousData,
  });
}
