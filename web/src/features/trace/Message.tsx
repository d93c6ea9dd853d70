// One message as people read it: text as prose, reasoning folded, calls with what came back.
import type { ReactNode } from "react";
import type { Document, Message, Part, Turn, WireError } from "../../api/types";
import { formatCount } from "../../lib/format";
import { heldText } from "../../lib/offsets";
import { Copy } from "../../ui/Copy";
import { Folded, maxProseChars } from "../../ui/Folded";
import { JsonView } from "../../ui/JsonView";
import { Markdown } from "../../ui/Markdown";
import { Failure } from "./Failure";
import { KindIcon } from "./kind";
import type { TextPlace } from "./layout/findings";
import { Marked } from "./Marked";
import css from "./Message.module.css";

/** What came back from a tool call: a result, an error, or both, as from a tool that tells the model what went wrong. */
interface ToolResult {
  part?: Part | undefined;
  error?: WireError | undefined;
  /** What the error says stands above already. */
  isSaid?: boolean;
}

/** Results by the ids of their calls. */
export type Results = ReadonlyMap<string, ToolResult>;

/** Results of all messages by call id, so that a call and its result stand side by side. */
export function collectResults(turns: readonly Pick<Turn, "message" | "error">[]): Results {
  const results = new Map<string, ToolResult>();
  for (const { message, error } of turns) {
    for (const part of message?.parts ?? []) if (part.type === "tool_call_response" && part.id) results.set(part.id, { part, error });
  }
  return results;
}

/** Ids of the calls that stand in these messages. Their results need no place of their own. */
export function collectCalls(messages: readonly (Message | undefined)[]): ReadonlySet<string> {
  const calls = new Set<string>();
  for (const m of messages) for (const p of m?.parts ?? []) if (p.type === "tool_call" && p.id) calls.add(p.id);
  return calls;
}

/** Text as prose; where something was found in it, as it was sent with its marks. */
export function Prose({ text, at }: { text: string; at?: TextPlace | undefined }) {
  return (
    <Marked text={text} at={at}>
      <Folded text={text} render={(shown) => (shown.length > maxProseChars ? <pre className={css.plain}>{shown}</pre> : <Markdown text={shown} />)} />
    </Marked>
  );
}

/** The text of a message, for copying. */
export function textOf(message: Message | undefined): string {
  return (message?.parts ?? [])
    .map((p) => p.content || p.arguments || p.response || p.uri || "")
    .filter(Boolean)
    .join("\n\n");
}

interface PartsProps {
  parts: readonly Part[];
  results: Results;
  /** Where the message stands, for what was found in it. */
  at?: TextPlace | undefined;
  /** The places of the parts in the message, where some are left out. */
  places?: readonly number[] | undefined;
}

export function Parts({ parts, results, at, places }: PartsProps) {
  return (
    <div className={css.parts}>
      {parts.map((p, i) => (
        <PartView key={i} part={p} results={results} at={at && { ...at, part: places?.[i] ?? i }} />
      ))}
    </div>
  );
}

function PartView({ part, results, at }: { part: Part; results: Results; at: TextPlace | undefined }): ReactNode {
  switch (part.type) {
    case "text":
      return <Prose text={part.content ?? ""} at={at} />;
    case "refusal":
      return (
        <div className={css.refusal}>
          <span className={css.tag}>Refused</span>
          <Prose text={part.content ?? ""} at={at} />
        </div>
      );
    case "reasoning":
      return (
        <details className={css.reasoning}>
          <summary>Reasoning, {formatCount(part.content?.length ?? 0)} characters</summary>
          <Prose text={part.content ?? ""} at={at} />
        </details>
      );
    case "tool_call":
      return (
        <ToolCall
          name={part.name ?? ""}
          id={part.id ?? ""}
          args={part.arguments ?? ""}
          result={part.id ? results.get(part.id) : undefined}
          at={at}
          resultAt={inAnyMessage}
        />
      );
    case "tool_call_response":
      return (
        <div className={css.call}>
          <p className={css.callHead}>
            <KindIcon kind="tool" /> Result{part.name ? ` of ${part.name}` : ""} <code className={css.id}>{part.id}</code>
          </p>
          <Payload text={part.response || part.content || ""} label="the result" at={at} />
        </div>
      );
    default:
      return <OtherPart part={part} at={at} />;
  }
}

/** Files, images and what has no name yet. Nothing is loaded from anywhere. */
function OtherPart({ part, at }: { part: Part; at: TextPlace | undefined }) {
  const facts = [part.modality, part.mimeType, part.fileId].filter(Boolean).join(", ");
  return (
    <div className={css.other}>
      <span className={css.tag}>{part.type || "part"}</span> {facts}
      {part.uri ? <code className={css.uri}>{part.uri}</code> : null}
      {part.type === "document" && part.content ? <Prose text={part.content} at={at} /> : null}
      {part.type === "blob" && part.content ? <span> {formatCount(part.content.length)} characters of base64, not shown</span> : null}
      {part.raw ? <JsonView text={part.raw} label="the part" openDepth={1} /> : null}
    </div>
  );
}

/** A result that stands beside its call came in a message of its own. */
const inAnyMessage: TextPlace = { field: "input" };

interface ToolCallProps {
  name: string;
  id: string;
  args: string;
  result: ToolResult | undefined;
  at?: TextPlace | undefined;
  resultAt?: TextPlace | undefined;
}

export function ToolCall({ name, id, args, result, at, resultAt }: ToolCallProps) {
  const { part, error, isSaid = false } = result ?? {};
  const text = part?.response || part?.content || "";
  return (
    <div className={css.call} data-failed={error ? "" : undefined}>
      <p className={css.callHead}>
        <KindIcon kind="tool" /> <b>{name || "tool"}</b> <code className={css.id}>{id}</code>
      </p>
      <div className={css.sides}>
        <div className={css.sidePane}>
          <p className={css.sideHead}>Arguments</p>
          <Payload text={args} label="the arguments" at={at} />
        </div>
        <div className={css.sidePane}>
          <p className={css.sideHead}>{error ? "Failed" : "Result"}</p>
          {error && !isSaid ? <Failure error={error} /> : null}
          {part && (text || !error) ? <Payload text={text} label="the result" at={resultAt} /> : null}
          {part || (error && !isSaid) ? null : <p className={css.none}>{error ? "No result" : "No result in this trace"}</p>}
        </div>
      </div>
    </div>
  );
}

/** JSON as a tree, anything else as text; with what was found in it, as it was sent. */
export function Payload({ text, label, at }: { text: string; label: string; at?: TextPlace | undefined }) {
  if (text.trim() === "") return <p className={css.none}>empty</p>;
  const said = heldText(text) ?? text;
  const isTree = /^\s*[[{]/.test(said);
  return (
    <Marked text={said} at={at} isPlain={!isTree}>
      {isTree ? <JsonView text={said} label={label} /> : <PlainBox text={said} label={label} />}
    </Marked>
  );
}

function PlainBox({ text, label }: { text: string; label: string }) {
  return (
    <div className={css.box}>
      <span className={css.boxCopy}>
        <Copy text={text} label={`Copy ${label}`} />
      </span>
      <Folded text={text} render={(shown) => <pre className={css.plain}>{shown}</pre>} />
    </div>
  );
}

/** Documents, of the span that fetched them where it is known. */
export function Documents({ documents, spanId }: { documents: readonly Document[]; spanId?: string | undefined }) {
  const best = Math.max(...documents.map((d) => Math.abs(d.score ?? 0)), 0);
  return (
    <ol className={css.documents}>
      {documents.map((d, i) => (
        <li key={`${d.id} ${i}`} className={css.document}>
          <p className={css.docHead}>
            <span className={css.rank}>{i + 1}</span>
            <code className={css.docId}>{d.id || "no id"}</code>
            {d.score === undefined || d.score === null ? (
              <span className={css.score}>score unknown</span>
            ) : (
              <span className={css.score}>
                <span className={css.scoreTrack} aria-hidden>
                  <span className={css.scoreFill} style={{ inlineSize: `${best ? (Math.abs(d.score) / best) * 100 : 0}%` }} />
                </span>
                {d.score.toPrecision(3)}
              </span>
            )}
          </p>
          {d.content ? (
            <Prose text={d.content} at={{ field: "documents", spanId, index: spanId === undefined ? undefined : i }} />
          ) : (
            <p className={css.none}>content not captured</p>
          )}
          {d.metadata && d.metadata !== "{}" ? (
            <details className={css.reasoning}>
              <summary>Metadata</summary>
              <JsonView text={d.metadata} label="the metadata" />
            </details>
          ) : null}
        </li>
      ))}
    </ol>
  );
}
