import { useQuery } from "@tanstack/react-query";
import type { ApiError } from "../../api/error";
import { conversationQuery } from "../../api/traces";
import type { Message, Turn } from "../../api/types";
import { plural } from "../../lib/format";
import { formatDuration, nanosBetween, parseInstant } from "../../lib/time";
import { Copy } from "../../ui/Copy";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State";
import { KindIcon } from "./kind";
import { kinds, type SpanTree } from "./layout/tree";
import { collectCalls, collectResults, Documents, Parts, textOf, type Results } from "./Message";
import css from "./Conversation.module.css";

interface Props {
  traceId: string;
  project: string | undefined;
  tree: SpanTree;
  onSelect: (spanId: string) => void;
}

/** The conversation of the whole trace, in the order in which it was said. */
export function Conversation({ traceId, project, tree, onSelect }: Props) {
  const turns = useQuery(conversationQuery(traceId, project));
  if (turns.isPending) return <Skeleton lines={12} label="Loading the conversation" />;
  if (turns.isError) return <ErrorState title="The conversation could not be read" error={turns.error as ApiError} onRetry={() => void turns.refetch()} />;
  if (turns.data.length === 0) {
    return (
      <EmptyState title="This trace holds no conversation">
        <p>
          No span carries messages. If it should, let the instrumentation capture content; for OpenTelemetry’s own it is{" "}
          <code>OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true</code>.
        </p>
      </EmptyState>
    );
  }
  const messages = turns.data.map((t) => t.message);
  const results = collectResults(messages);
  const calls = collectCalls(messages);
  return (
    <ol className={css.turns} aria-label="Conversation">
      {turns.data
        .map((turn) => withoutPairedResults(turn, calls))
        .filter((turn) => turn !== undefined)
        .map((turn, i, all) => (
          <TurnView key={i} turn={turn} results={results} tree={tree} previousAgent={all[i - 1]?.agent ?? ""} onSelect={onSelect} />
        ))}
    </ol>
  );
}

/** A result that is shown beside its call is not said a second time. */
function withoutPairedResults(turn: Turn, calls: ReadonlySet<string>): Turn | undefined {
  const parts = (turn.message?.parts ?? []).filter((p) => !(p.type === "tool_call_response" && p.id && calls.has(p.id)));
  if (parts.length === 0 && (turn.documents ?? []).length === 0) return undefined;
  return { ...turn, message: { ...turn.message, parts } };
}

/** How deep the agents are nested at a span: a sub-agent's turns stand further in. */
function agentDepth(tree: SpanTree, spanId: string | undefined): number {
  let depth = 0;
  for (let row = tree.rowOf.get(spanId ?? "") ?? -1; row >= 0; row = tree.parent[row]!) {
    if (kinds[tree.kind[row]!] === "agent") depth++;
  }
  return Math.max(0, depth - 1);
}

const roleNames: Record<string, string> = { system: "System", user: "User", assistant: "Assistant", tool: "Tool", developer: "Developer" };

export function roleName(role: string | undefined): string {
  return roleNames[role ?? ""] ?? role ?? "unknown role";
}

interface TurnProps {
  turn: Turn;
  results: Results;
  tree: SpanTree;
  previousAgent: string;
  onSelect: (spanId: string) => void;
}

function TurnView({ turn, results, tree, previousAgent, onSelect }: TurnProps) {
  const at = parseInstant(turn.time);
  const documents = turn.documents ?? [];
  const agent = turn.agent ?? "";
  return (
    <>
      {agent && agent !== previousAgent ? (
        <li className={css.agent} style={{ marginInlineStart: `${Math.min(agentDepth(tree, turn.spanId), 6) * 1.25}rem` }}>
          <KindIcon kind="agent" /> {agent}
        </li>
      ) : null}
      <li className={css.turn} data-role={turn.message?.role} style={{ marginInlineStart: `${Math.min(agentDepth(tree, turn.spanId), 6) * 1.25}rem` }}>
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
            <Copy text={() => textOf(turn.message)} label="Copy this message" />
          </span>
        </header>
        <Parts parts={turn.message?.parts ?? []} results={results} />
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
