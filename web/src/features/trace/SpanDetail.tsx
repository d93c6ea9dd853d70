// The tabs of one span: what was said, what is known, what was sent.
import type { ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import type { ApiError } from "../../api/error";
import { rawSpanQuery, toTokens } from "../../api/traces";
import type { Evaluation, Message, WireSpan } from "../../api/types";
import { formatCount, formatMoney, unknown } from "../../lib/format";
import { formatDuration, formatInstant, instantToMs, parseDuration, parseInstant } from "../../lib/time";
import { Copy } from "../../ui/Copy";
import { JsonView } from "../../ui/JsonView";
import { usePreferences } from "../../ui/preferences";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import { roleName } from "./Conversation";
import { Failure, failureOf } from "./Failure";
import { useFindings } from "./found";
import { Findings } from "./Findings";
import { kindOf, type SpanTree } from "./layout/tree";
import { collectCalls, collectResults, Documents, Parts, Payload, Prose, textOf, ToolCall } from "./Message";
import css from "./SpanDetail.module.css";

/** What failed, and what is doubtful: over every tab, before anything else. */
export function Judgement({ span }: { span: WireSpan }) {
  const error = failureOf(span);
  return (
    <>
      {error ? (
        <div className={css.error}>
          <Failure error={error}>
            {error.stacktrace ? (
              <details>
                <summary>Stack trace</summary>
                <pre className={css.stack}>{error.stacktrace}</pre>
              </details>
            ) : null}
          </Failure>
        </div>
      ) : null}
      {(span.warnings ?? []).length > 0 ? (
        <ul className={css.warnings}>
          {span.warnings!.map((w, i) => (
            <li key={i}>
              <TriangleAlert size={13} aria-hidden /> <ReportLink span={span} code={w.code ?? ""} /> {w.field ? <code>{w.field}</code> : null} {w.text}
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}

/** What the report searches around a span, so that the span is in it whenever it was sent. */
const aroundMs = 12 * 3_600_000;

/** A warning's name leads to what it means and how often it comes. */
function ReportLink({ span, code }: { span: WireSpan; code: string }) {
  const { project } = useSearch({ strict: false });
  const start = parseInstant(span.startTime);
  const around = (by: number) => (start ? new Date(instantToMs(start) + by).toISOString() : undefined);
  const scope = [span.scope?.name, span.scope?.version].filter(Boolean).join("@");
  return (
    <Link
      to="/instrumentation"
      search={{ project, from: around(-aroundMs), to: around(aroundMs), service: span.service?.name || undefined, scope: scope || undefined, finding: code }}
    >
      <b>{code.replaceAll("_", " ")}</b>
    </Link>
  );
}

/** The facts that people look for first. What applies and is not known says so. */
export function Facts({ span }: { span: WireSpan }) {
  const tokens = toTokens(span.usage);
  const isCall = kindOf(span.operation) === "model" || kindOf(span.operation) === "embedding";
  const count = (n: number | undefined) => (n === undefined ? <Unknown /> : formatCount(n));
  const ttft = parseDuration(span.timeToFirstToken ?? undefined);
  const facts: [string, ReactNode][] = [["Duration", formatDuration(parseDuration(span.duration) ?? 0)]];
  const push = (name: string, value: ReactNode) => {
    if (value !== undefined && value !== "" && value !== null) facts.push([name, value]);
  };
  push("Model", span.responseModel || span.requestModel);
  if (span.requestModel && span.responseModel && span.requestModel !== span.responseModel) push("Asked for", span.requestModel);
  push("Provider", span.provider);
  if (isCall || tokens.input !== undefined) push("Input tokens", count(tokens.input));
  if (tokens.cacheRead !== undefined) push("of them cached", count(tokens.cacheRead));
  if (tokens.cacheWrite !== undefined) push("written to cache", count(tokens.cacheWrite));
  if (isCall || tokens.output !== undefined) push("Output tokens", count(tokens.output));
  if (tokens.reasoning !== undefined) push("of them reasoning", count(tokens.reasoning));
  if (isCall || span.cost?.amount) push("Cost", span.cost?.amount ? formatMoney(span.cost.amount, span.cost.currency) : <Unknown />);
  if (ttft !== undefined) push("First token after", formatDuration(ttft));
  push("Ended", (span.finishReasons ?? []).join(", "));
  push("Agent", span.agent?.name || span.agent?.id);
  push("Workflow", span.workflow);
  push("Prompt", span.prompt?.name ? `${span.prompt.name}${span.prompt.version ? ` @ ${span.prompt.version}` : ""}` : undefined);
  push("Service", span.service?.name);
  return (
    <dl className={css.facts}>
      {facts.map(([name, value]) => (
        <div key={name} className={css.fact}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Unknown() {
  return <span className={css.unknown}>{unknown}</span>;
}

export function hasMessages(span: WireSpan): boolean {
  return Boolean(
    span.inputMessageCount || span.outputMessageCount || span.inputMessages?.length || span.outputMessages?.length || span.systemInstructions?.length,
  );
}

interface MessagesProps {
  span: WireSpan;
  tree: SpanTree;
  onSelect: (spanId: string) => void;
}

export function Messages({ span, tree, onSelect }: MessagesProps) {
  const { findings } = useFindings();
  const all = [...(span.inputMessages ?? []), ...(span.outputMessages ?? [])];
  const results = collectResults(all.map((message) => ({ message })));
  const calls = collectCalls(all);
  const tools = span.toolDefinitions ?? [];
  const view = (field: "input" | "output") => (m: Message, i: number) => {
    const parts = (m.parts ?? []).filter((p) => !(p.type === "tool_call_response" && p.id && calls.has(p.id)));
    const places = parts.map((p) => m.parts!.indexOf(p));
    if (parts.length === 0) return null;
    return (
      <li key={i} className={css.message} data-role={m.role}>
        <p className={css.role}>
          {roleName(m.role)} {m.name}
          <Copy text={() => textOf(m)} label="Copy this message" />
        </p>
        <Parts parts={parts} results={results} at={{ field, spanId: span.spanId, index: i }} places={places} />
      </li>
    );
  };
  return (
    <div className={css.pane}>
      {tools.length > 0 ? (
        <details className={css.defs}>
          <summary>Tools that were offered: {tools.map((t) => t.name).join(", ")}</summary>
          {tools.map((t) => (
            <div key={t.name} className={css.def}>
              <p>
                <b>{t.name}</b> {t.description}
              </p>
              {t.parameters ? <JsonView text={t.parameters} label={`the parameters of ${t.name}`} openDepth={1} /> : null}
            </div>
          ))}
        </details>
      ) : null}
      {span.systemInstructions?.length ? (
        <details className={css.defs}>
          <summary>System instructions</summary>
          <Parts parts={span.systemInstructions} results={results} at={{ field: "system", spanId: span.spanId, index: 0 }} />
        </details>
      ) : null}
      <h3 className={css.section}>Input</h3>
      {span.inputMessages?.length ? <ol className={css.messages}>{span.inputMessages.map(view("input"))}</ol> : <p className={css.none}>not captured</p>}
      <h3 className={css.section}>Output</h3>
      {span.outputMessages?.length ? <ol className={css.messages}>{span.outputMessages.map(view("output"))}</ol> : <p className={css.none}>not captured</p>}
      <Findings findings={findings.filter((f) => f.signal.spanId === span.spanId)} tree={tree} onSelect={onSelect} />
      <Evaluations evaluations={span.evaluations ?? []} />
    </div>
  );
}

function Evaluations({ evaluations }: { evaluations: readonly Evaluation[] }) {
  if (evaluations.length === 0) return null;
  return (
    <>
      <h3 className={css.section}>Evaluations</h3>
      <ul className={css.evals}>
        {evaluations.map((e, i) => (
          <li key={i}>
            <b>{e.name}</b> {e.label} {e.score === undefined || e.score === null ? "" : e.score.toPrecision(3)}{" "}
            <span className={css.none}>{e.explanation || e.errorType}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

export function Attributes({ span }: { span: WireSpan }) {
  const zone = usePreferences((s) => s.zone);
  const start = parseInstant(span.startTime);
  const rows: [string, string][] = [
    ["trace id", span.traceId ?? ""],
    ["span id", span.spanId ?? ""],
    ["parent span id", span.parentSpanId ?? ""],
    ["start", start ? formatInstant(instantToMs(start), zone) : ""],
    ["kind", (span.kind ?? "").replace("SPAN_KIND_", "").toLowerCase()],
    ["operation", span.operation ?? ""],
    ["dialect", [span.dialect, span.dialectVersion].filter(Boolean).join(" ")],
    ["framework", span.framework ?? ""],
    ["conversation", span.conversationId ?? ""],
    ["user", span.userId ?? ""],
    ["response id", span.responseId ?? ""],
    ["tags", (span.tags ?? []).join(", ")],
    ["service", [span.service?.namespace, span.service?.name, span.service?.version].filter(Boolean).join(" ")],
    ["instance", span.service?.instanceId ?? ""],
    ["environment", span.service?.environment ?? ""],
    ["language", span.service?.language ?? ""],
    ["scope", [span.scope?.name, span.scope?.version].filter(Boolean).join(" ")],
  ];
  const request = Object.entries(span.request ?? {}).map(([k, v]): [string, string] => [k, typeof v === "string" ? v : JSON.stringify(v)]);
  const reported = (span.usage?.reported ?? []).map((r): [string, string] => [r.key ?? "", r.count ?? ""]);
  const variables = Object.entries(span.prompt?.variables ?? {});
  return (
    <div className={css.pane}>
      <Table title="Span" rows={rows.filter(([, v]) => v !== "")} />
      <Table title="Request parameters" rows={request} />
      <Table title="Counts as the sender gave them" rows={reported} />
      <Table title="Prompt variables" rows={variables} />
      <Table title="Attributes" rows={Object.entries(span.attributes ?? {}).sort(([a], [b]) => a.localeCompare(b))} />
      {(span.links ?? []).length > 0 ? <Table title="Links" rows={span.links!.map((l) => [l.traceId ?? "", l.spanId ?? ""])} /> : null}
    </div>
  );
}

function Table({ title, rows }: { title: string; rows: readonly [string, string][] }) {
  if (rows.length === 0) return null;
  return (
    <section>
      <h3 className={css.section}>{title}</h3>
      <dl className={css.table}>
        {rows.map(([key, value]) => (
          <div key={key} className={css.pair}>
            <dt>{key}</dt>
            <dd>
              <span className={css.value}>{value}</span>
              <Copy text={value} label={`Copy ${key}`} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function Events({ span }: { span: WireSpan }) {
  const zone = usePreferences((s) => s.zone);
  return (
    <ol className={css.pane}>
      {(span.events ?? []).map((e, i) => {
        const at = parseInstant(e.time);
        return (
          <li key={i} className={css.event}>
            <p className={css.eventHead}>
              <b>{e.name}</b> <span className={css.none}>{at ? formatInstant(instantToMs(at), zone) : ""}</span>
            </p>
            {e.attributes && Object.keys(e.attributes).length > 0 ? <JsonView text={JSON.stringify(e.attributes)} label="the attributes" /> : null}
            {e.body === undefined || e.body === null ? null : <JsonView text={JSON.stringify(e.body)} label="the body" />}
          </li>
        );
      })}
    </ol>
  );
}

export function ToolTab({ span }: { span: WireSpan }) {
  const tool = span.tool;
  return (
    <div className={css.pane}>
      {tool?.description ? <p className={css.none}>{tool.description}</p> : null}
      <ToolCall
        name={tool?.name ?? ""}
        id={tool?.callId ?? ""}
        args={tool?.arguments ?? ""}
        at={{ field: "tool.arguments", spanId: span.spanId, index: 0 }}
        resultAt={{ field: "tool.result", spanId: span.spanId, index: 0 }}
        result={{ part: tool?.result ? { response: tool.result } : undefined, error: failureOf(span), isSaid: true }}
      />
    </div>
  );
}

export function RetrievalTab({ span }: { span: WireSpan }) {
  const r = span.retrieval;
  return (
    <div className={css.pane}>
      <h3 className={css.section}>Query{r?.dataSource ? ` to ${r.dataSource}` : ""}</h3>
      {r?.query ? <Prose text={r.query} at={{ field: "query", spanId: span.spanId, index: 0 }} /> : <p className={css.none}>not captured</p>}
      <h3 className={css.section}>Documents{r?.topK && r.topK !== "0" ? `, at most ${r.topK} asked for` : ""}</h3>
      {r?.documents?.length ? <Documents documents={r.documents} spanId={span.spanId} /> : <p className={css.none}>none</p>}
    </div>
  );
}

export function EmbeddingTab({ span }: { span: WireSpan }) {
  return (
    <div className={css.pane}>
      <p>{span.embedding?.dimensions && span.embedding.dimensions !== "0" ? `${span.embedding.dimensions} dimensions` : "dimensions unknown"}</p>
      {(span.embedding?.items ?? []).map((item, i) => (
        <Payload key={i} text={item.text ?? ""} label="the text" />
      ))}
    </div>
  );
}

/** What arrived, before anything was read from it. */
export function Raw({ traceId, spanId, project, isStale }: { traceId: string; spanId: string; project: string | undefined; isStale: boolean }) {
  const raw = useQuery(rawSpanQuery(traceId, spanId, project));
  if (raw.isPending) return <Skeleton lines={12} label="Loading the span as it was sent" />;
  if (raw.data === undefined) return <ErrorState title="The span could not be read" error={raw.error as ApiError} onRetry={() => void raw.refetch()} />;
  const text = String(raw.data);
  if (text.trim() === "" || text === "{}") return <EmptyState title="The span as it was sent is no longer stored" />;
  return (
    <div className={css.pane}>
      {raw.isError && !isStale ? <Stale error={raw.error} onRetry={() => void raw.refetch()} /> : null}
      <JsonView text={text} label="the span as it was sent" openDepth={9} />
    </div>
  );
}
