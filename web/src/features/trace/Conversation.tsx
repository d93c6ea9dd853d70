import { startTransition, useEffect, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import type { ApiError } from "../../api/error";
import { conversationQuery } from "../../api/traces";
import type { Message, Thread, Turn } from "../../api/types";
import { plural } from "../../lib/format";
import { formatDuration, nanosBetween, parseInstant } from "../../lib/time";
import { Segmented } from "../../ui/Button";
import { Copy } from "../../ui/Copy";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import { Failure } from "./Failure";
import { useFindings } from "./found";
import { Findings } from "./Findings";
import { KindIcon } from "./kind";
import type { TextPlace } from "./layout/findings";
import { kinds, type SpanTree } from "./layout/tree";
import { collectCalls, collectResults, Documents, Parts, textOf, type Results } from "./Message";
import css from "./Conversation.module.css";

interface Props {
  traceId: string;
  project: string | undefined;
  tree: SpanTree;
  /** The page says already that it could not be brought up to date. */
  isStale: boolean;
  /** A model call of the thread to read; without it the server chooses. */
  thread: string | undefined;
  onThread: (spanId: string) => void;
  onSelect: (spanId: string) => void;
}

/** What was said, as one agent knew it: a trace of several agents holds several conversations. */
export function Conversation({ traceId, project, tree, isStale, thread, onThread, onSelect }: Props) {
  const conversation = useQuery(conversationQuery(traceId, project, thread));
  if (conversation.isPending) return <Skeleton lines={12} label="Loading the conversation" />;
  if (conversation.data === undefined)
    return <ErrorState title="The conversation could not be read" error={conversation.error as ApiError} onRetry={() => void conversation.refetch()} />;
  const { turns, threads, truncated } = conversation.data;
  return (
    <>
      {conversation.isError && !isStale ? <Stale error={conversation.error} onRetry={() => void conversation.refetch()} /> : null}
      {truncated ? <p className={css.notice}>The trace is too large to read all that was said in it: turns or whole threads may be missing.</p> : null}
      {threads.length > 1 ? <Threads threads={threads} tree={tree} onThread={onThread} /> : null}
      {turns.length > 0 ? (
        <Turns key={threads[0]?.spanId} turns={turns} tree={tree} onSelect={onSelect} />
      ) : (
        <EmptyState title="This trace holds no conversation">
          <p>
            No span carries messages. If it should, let the instrumentation capture content; for OpenTelemetry’s own it is{" "}
            <code>OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true</code>, in current Python <code>=SPAN_ONLY</code> with{" "}
            <code>OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental</code>.
          </p>
        </EmptyState>
      )}
    </>
  );
}

/** The conversations of the trace, in the order in which they began; the server puts the chosen one first. */
function Threads({ threads, tree, onThread }: { threads: readonly Thread[]; tree: SpanTree; onThread: (spanId: string) => void }) {
  const rowOf = (t: Thread) => tree.rowOf.get(t.agentSpanId || t.spanId || "") ?? tree.spans.length;
  const options = threads
    .map((t) => ({ thread: t, row: rowOf(t) }))
    .sort((a, b) => a.row - b.row)
    .map(({ thread }) => ({
      id: thread.spanId ?? "",
      name: `${threadName(thread)}, ${plural(thread.messages ?? 0, "message")}`,
      label: (
        <>
          <KindIcon kind={thread.agent ? "agent" : "model"} size={13} /> {threadName(thread)} <span className={css.count}>{thread.messages}</span>
        </>
      ),
    }));
  return (
    <div className={css.threads}>
      <Segmented label="Conversations of this trace" value={threads[0]?.spanId ?? ""} options={options} onChange={onThread} />
    </div>
  );
}

const threadName = (thread: Thread) => thread.agent || thread.model || "model calls";

/** Turns that are drawn at once; the rest follow while nobody waits. */
const turnsAtOnce = 40;

/**
 * The turns, all of them in the document: rows that come and go would lose what a person unfolded,
 * and the browser's own search would not find them. A turn out of sight is not laid out
 * (content-visibility), and a long conversation is drawn piece by piece.
 */
function Turns({ turns, tree, onSelect }: { turns: readonly Turn[]; tree: SpanTree; onSelect: (spanId: string) => void }) {
  const [shown, setShown] = useState(turnsAtOnce);
  const results = collectResults(turns);
  const calls = collectCalls(turns.map((t) => t.message));
  const said = turns.map((turn) => withoutPairedResults(turn, calls)).filter((turn) => turn !== undefined);
  const earlier = said.filter((turn) => turn.history);
  const now = said.filter((turn) => !turn.history);
  const indents = indentsOf(tree, now);
  // External system: the browser's time between frames.
  useEffect(() => {
    if (shown >= now.length) return undefined;
    const timer = setTimeout(() => startTransition(() => setShown((n) => n + turnsAtOnce)));
    return () => clearTimeout(timer);
  }, [shown, now.length]);
  return (
    <ol className={css.turns} aria-label="Conversation">
      {earlier.length > 0 ? <Earlier turns={earlier} results={results} tree={tree} onSelect={onSelect} /> : null}
      {now.slice(0, shown).map((turn, i) => (
        <TurnView key={i} turn={turn} indent={indents[i]!} results={results} tree={tree} previousAgent={now[i - 1]?.agent ?? ""} onSelect={onSelect} />
      ))}
    </ol>
  );
}

/** What was said before this trace began and only sent along with its calls. Its time is not known here. */
function Earlier({ turns, results, tree, onSelect }: { turns: readonly SaidTurn[] } & Pick<TurnProps, "results" | "tree" | "onSelect">) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li className={css.earlier}>
      <details open={isOpen} onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>Earlier in this conversation · {plural(turns.length, "message")}</summary>
        {isOpen ? (
          <ol className={css.before}>
            {turns.map((turn, i) => (
              <TurnView key={i} turn={turn} indent={0} results={results} tree={tree} previousAgent={turns[i - 1]?.agent ?? ""} onSelect={onSelect} />
            ))}
          </ol>
        ) : null}
      </details>
    </li>
  );
}

/** A turn with the places of its parts in the message: some are shown elsewhere. */
type SaidTurn = Turn & { places: readonly number[] };

/** Where a turn's message stands. An answer is its span's; what was asked is sent along by every call after it. */
function placeOf(turn: Turn): TextPlace {
  if (turn.message?.role === "assistant" && !turn.history) return { field: "output", spanId: turn.spanId };
  return { field: turn.message?.role === "system" ? "system" : "input" };
}

/** A result that is shown beside its call, with its error, is not said a second time. */
function withoutPairedResults(turn: Turn, calls: ReadonlySet<string>): SaidTurn | undefined {
  const all = turn.message?.parts ?? [];
  const parts = all.filter((p) => !(p.type === "tool_call_response" && p.id && calls.has(p.id)));
  const error = parts.length < all.length ? undefined : turn.error;
  if (parts.length === 0 && !error && (turn.documents ?? []).length === 0) return undefined;
  return { ...turn, error, message: { ...turn.message, parts }, places: parts.map((p) => all.indexOf(p)) };
}

/** How deep the agents are nested at a span: a sub-agent's turns stand further in. */
function agentDepth(tree: SpanTree, spanId: string | undefined): number {
  let depth = 0;
  for (let row = tree.rowOf.get(spanId ?? "") ?? -1; row >= 0; row = tree.parent[row]!) {
    if (kinds[tree.kind[row]!] === "agent") depth++;
  }
  return depth;
}

/** Depths of turns, counted from the outermost agent that speaks among them. */
function indentsOf(tree: SpanTree, turns: readonly Turn[]): number[] {
  const depths = turns.map((turn) => agentDepth(tree, turn.spanId));
  const least = depths.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  return depths.map((depth) => Math.min(depth - least, maxIndent));
}

/** Nesting beyond this stands no further in: the text must keep room. */
const maxIndent = 6;

const roleNames: Record<string, string> = { system: "System", user: "User", assistant: "Assistant", tool: "Tool", developer: "Developer" };

export function roleName(role: string | undefined): string {
  return roleNames[role ?? ""] ?? role ?? "unknown role";
}

interface TurnProps {
  turn: SaidTurn;
  indent: number;
  results: Results;
  tree: SpanTree;
  previousAgent: string;
  onSelect: (spanId: string) => void;
}

function TurnView({ turn, indent, results, tree, previousAgent, onSelect }: TurnProps) {
  const at = turn.history ? undefined : parseInstant(turn.time);
  const documents = turn.documents ?? [];
  const agent = turn.agent ?? "";
  const text = textOf(turn.message);
  const { findings } = useFindings();
  const isAnswer = placeOf(turn).field === "output";
  return (
    <>
      {agent && agent !== previousAgent ? (
        <li className={css.agent} style={{ marginInlineStart: `${indent * 1.25}rem` }}>
          <KindIcon kind="agent" /> {agent}
        </li>
      ) : null}
      <li className={css.turn} data-role={turn.message?.role} data-failed={turn.error ? "" : undefined} style={{ marginInlineStart: `${indent * 1.25}rem` }}>
        {documents.length > 0 ? (
          <details className={css.retrieved}>
            <summary>
              <KindIcon kind="retrieval" /> {plural(documents.length, "document")} retrieved before this
            </summary>
            <Documents documents={documents} />
          </details>
        ) : null}
        <header className={css.head}>
          <span className={css.role}>{roleName(turn.message?.role)}</span>
          {turn.message?.name ? <span>{turn.message.name}</span> : null}
          {turn.message?.role === "assistant" && turn.model ? <span className={css.model}>{turn.model}</span> : null}
          <Finish message={turn.message} />
          <span className={css.tools}>
            {turn.spanId && tree.rowOf.has(turn.spanId) ? (
              <button type="button" className={css.where} onClick={() => onSelect(turn.spanId!)}>
                {at ? `+${formatDuration(Math.max(0, nanosBetween(tree.origin, at)))}` : "span"}
              </button>
            ) : null}
            {text ? <Copy text={text} label="Copy this message" /> : null}
          </span>
        </header>
        <Parts parts={turn.message?.parts ?? []} results={results} at={placeOf(turn)} places={turn.places} />
        {isAnswer ? <Findings findings={findings.filter((f) => f.signal.spanId === turn.spanId)} tree={tree} onSelect={onSelect} /> : null}
        {turn.error ? <Failure error={turn.error} /> : null}
      </li>
    </>
  );
}

/** "stop" and "tool_calls" are how answers end; anything else is worth a word. */
function Finish({ message }: { message: Message | undefined }) {
  const reason = message?.finishReason;
  if (!reason || /^(stop|end_turn|tool_calls?|tool_use)$/i.test(reason)) return null;
  return <span className={css.finish}>ended: {reason}</span>;
}
