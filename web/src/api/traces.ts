// Query options of everything about traces, and the edge where wire values become numbers.
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { parseCount } from "../lib/format";
import { instantToMs, parseDuration, parseInstant, type EpochMs, type Nanoseconds, type TimeRange } from "../lib/time";
import { client, must } from "./client";
import type { Cost, Facet, Thread, Turn, Usage, WireTraceSummary } from "./types";

/** Rows a page. 200 fill four screens and still answer quickly. */
const pageSize = 200;
/** Values a facet shows. */
const facetLimit = 12;
const histogramBuckets = 72;

/** What a list of traces is asked for. */
export interface TraceQuery extends TimeRange {
  project: string | undefined;
  filter: readonly string[];
  query: string | undefined;
}

export interface Tokens {
  input: number | undefined;
  output: number | undefined;
  cacheRead: number | undefined;
  cacheWrite: number | undefined;
  reasoning: number | undefined;
}

export interface TraceRow {
  id: string;
  startMs: EpochMs;
  durationNs: Nanoseconds;
  name: string;
  service: string;
  operation: string;
  rootMissing: boolean;
  spans: number;
  genaiSpans: number;
  errors: number;
  warnings: number;
  services: string[];
  models: string[];
  agents: string[];
  tools: string[];
  tokens: Tokens;
  cost: Cost | undefined;
  /** Spans that count and whose cost is unknown: the cost is that of the others. */
  unpriced: number;
  environment: string;
  input: string;
  output: string;
  promptVersions: string[];
  conversationId: string;
  userId: string;
  /** Names of the signals that found something. */
  detected: string[];
}

export function toTokens(usage: Usage | undefined | null): Tokens {
  return {
    input: parseCount(usage?.inputTokens),
    output: parseCount(usage?.outputTokens),
    cacheRead: parseCount(usage?.cacheReadTokens),
    cacheWrite: parseCount(usage?.cacheWriteTokens),
    reasoning: parseCount(usage?.reasoningTokens),
  };
}

const embeds = /embed|^(voyage|bge|e5|gte)-/i;

/** Who answered before what only looked things up: a narrow column shows the first names. */
function talkersFirst(models: readonly string[]): string[] {
  return [...models].sort((a, b) => Number(embeds.test(a)) - Number(embeds.test(b)));
}

export function toTraceRow(wire: WireTraceSummary): TraceRow {
  const start = parseInstant(wire.startTime);
  return {
    id: wire.traceId ?? "",
    startMs: start ? instantToMs(start) : 0,
    durationNs: parseDuration(wire.duration) ?? 0,
    name: wire.rootName ?? "",
    service: wire.rootService ?? "",
    operation: wire.rootOperation ?? "",
    rootMissing: wire.rootMissing ?? false,
    spans: parseCount(wire.spanCount) ?? 0,
    genaiSpans: parseCount(wire.genaiSpanCount) ?? 0,
    errors: parseCount(wire.errorCount) ?? 0,
    warnings: parseCount(wire.warningCount) ?? 0,
    services: wire.services ?? [],
    models: talkersFirst(wire.models ?? []),
    agents: wire.agents ?? [],
    tools: wire.tools ?? [],
    tokens: toTokens(wire.usage),
    cost: wire.cost?.amount ? wire.cost : undefined,
    unpriced: parseCount(wire.unpricedCount) ?? 0,
    environment: wire.environment ?? "",
    input: wire.inputPreview ?? "",
    output: wire.outputPreview ?? "",
    promptVersions: wire.promptVersions ?? [],
    conversationId: wire.conversationId ?? "",
    userId: wire.userId ?? "",
    detected: (wire.detections ?? []).map((d) => d.signal ?? ""),
  };
}

function toParams(q: TraceQuery) {
  return {
    ...(q.project ? { project: q.project } : {}),
    startTime: new Date(q.fromMs).toISOString(),
    endTime: new Date(q.toMs).toISOString(),
    ...(q.filter.length > 0 ? { filter: [...q.filter] } : {}),
    ...(q.query ? { query: q.query } : {}),
  };
}

export function tracesQuery(q: TraceQuery) {
  return infiniteQueryOptions({
    queryKey: ["traces", "list", q],
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...toParams(q), pageSize, ...(pageParam ? { pageToken: pageParam } : {}) };
      const page = must(await client.GET("/v1/traces", { params: { query }, signal }));
      return { rows: (page.traces ?? []).map(toTraceRow), next: page.nextPageToken ?? "" };
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: keepPreviousData,
  });
}

export interface FacetCounts {
  field: string;
  values: { value: string; traces: number }[];
  truncated: boolean;
}

function toFacet(wire: Facet): FacetCounts {
  return {
    field: wire.field ?? "",
    values: (wire.values ?? []).map((v) => ({ value: v.value ?? "", traces: parseCount(v.traces) ?? 0 })),
    truncated: wire.truncated ?? false,
  };
}

/** The facets of the sidebar; with `field`, all that is known of one field, for completing values. */
export function facetsQuery(q: TraceQuery, field?: string) {
  return queryOptions({
    queryKey: ["traces", "facets", q, field ?? ""],
    queryFn: async ({ signal }) => {
      const query = { ...toParams(q), limit: field ? 100 : facetLimit, ...(field ? { field: [field] } : {}) };
      const answer = must(await client.GET("/v1/traces:facets", { params: { query }, signal }));
      return (answer.facets ?? []).map(toFacet);
    },
    placeholderData: keepPreviousData,
  });
}

export interface Bucket {
  startMs: EpochMs;
  traces: number;
  errors: number;
}

export function histogramQuery(q: TraceQuery) {
  return queryOptions({
    queryKey: ["traces", "histogram", q],
    queryFn: async ({ signal }) => {
      const query = { ...toParams(q), buckets: histogramBuckets };
      const answer = must(await client.GET("/v1/traces:histogram", { params: { query }, signal }));
      const buckets: Bucket[] = (answer.buckets ?? []).map((b) => {
        const start = parseInstant(b.startTime);
        return { startMs: start ? instantToMs(start) : 0, traces: parseCount(b.traces) ?? 0, errors: parseCount(b.errors) ?? 0 };
      });
      return { stepMs: (parseDuration(answer.step) ?? 0) / 1e6, buckets };
    },
    placeholderData: keepPreviousData,
  });
}

export function hitsQuery(q: TraceQuery) {
  return infiniteQueryOptions({
    queryKey: ["spans", "search", q],
    queryFn: async ({ pageParam, signal }) => {
      const query = { ...toParams(q), pageSize: 50, ...(pageParam ? { pageToken: pageParam } : {}) };
      const page = must(await client.GET("/v1/spans:search", { params: { query }, signal }));
      return { hits: page.hits ?? [], next: page.nextPageToken ?? "" };
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    enabled: Boolean(q.query),
    placeholderData: keepPreviousData,
  });
}

/** A stored trace seldom changes: spans may come late, so a look back after a minute asks again. */
const traceStaleMs = 60_000;

const inProject = (project: string | undefined) => (project ? { project } : {});

/** The trace as it is drawn; a span in full is asked for when it is opened. */
export function traceTreeQuery(traceId: string, project?: string) {
  return queryOptions({
    queryKey: ["trace", traceId, project ?? ""],
    queryFn: async ({ signal }) => {
      const params = { path: { trace_id: traceId }, query: inProject(project) };
      return must(await client.GET("/v1/traces/{trace_id}/tree", { params, signal }));
    },
    staleTime: traceStaleMs,
    // A hundred thousand spans: comparing two answers deeply costs more than drawing them.
    structuralSharing: false,
  });
}

/** What was said in a trace: one of its threads, and which others there are. */
interface Conversation {
  turns: Turn[];
  /** The one that the turns are of comes first. */
  threads: Thread[];
  /** The server did not read every span: there may be more to say. */
  truncated: boolean;
}

/** The conversation that the server would read first, or the one of a model call. */
export function conversationQuery(traceId: string, project?: string, spanId?: string) {
  return queryOptions({
    queryKey: ["trace", traceId, project ?? "", "conversation", spanId ?? ""],
    queryFn: async ({ signal }) => {
      const query = { ...inProject(project), ...(spanId ? { spanId } : {}) };
      const params = { path: { trace_id: traceId }, query };
      const answer = must(await client.GET("/v1/traces/{trace_id}/conversation", { params, signal }));
      return { turns: answer.turns ?? [], threads: answer.threads ?? [], truncated: answer.truncated ?? false } satisfies Conversation;
    },
    staleTime: traceStaleMs,
  });
}

export function spanQuery(traceId: string, spanId: string, project?: string) {
  return queryOptions({
    queryKey: ["trace", traceId, project ?? "", "span", spanId],
    queryFn: async ({ signal }) => {
      const params = { path: { trace_id: traceId, span_id: spanId }, query: inProject(project) };
      return must(await client.GET("/v1/traces/{trace_id}/spans/{span_id}", { params, signal }));
    },
    staleTime: traceStaleMs,
  });
}

/** The span as it was sent, as text: a value that JSON.parse would round is shown as it stands. */
export function rawSpanQuery(traceId: string, spanId: string, project?: string) {
  return queryOptions({
    queryKey: ["trace", traceId, project ?? "", "raw", spanId],
    queryFn: async ({ signal }) => {
      const params = { path: { trace_id: traceId, span_id: spanId }, query: inProject(project) };
      return must(await client.GET("/v1/traces/{trace_id}/spans/{span_id}/raw", { params, signal, parseAs: "text" }));
    },
    staleTime: traceStaleMs,
  });
}

/** What each field of a span was read from. */
export function readingQuery(traceId: string, spanId: string, project?: string) {
  return queryOptions({
    queryKey: ["trace", traceId, project ?? "", "reading", spanId],
    queryFn: async ({ signal }) => {
      const params = { path: { trace_id: traceId, span_id: spanId }, query: inProject(project) };
      return must(await client.GET("/v1/traces/{trace_id}/spans/{span_id}/reading", { params, signal }));
    },
    staleTime: traceStaleMs,
  });
}
