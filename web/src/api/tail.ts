// Live tail: server-sent events over fetch, because EventSource cannot carry a key in a header.
import { ApiError, toApiError } from "./error";
import { authHeaders } from "./key";
import { toTraceRow, type TraceRow } from "./traces";
import type { WireTail } from "./types";

export interface TailEvent {
  row: TraceRow | undefined;
  /** Traces that the server left out before this one, because this reader was too slow. */
  skipped: number;
}

/** A line of an event may hold a trace's previews; a stream without line ends must not fill memory. */
const maxEventChars = 4 * 1024 * 1024;

/** Splits a text stream into the data of its server-sent events (HTML standard, section 9.2.6). */
export class EventSplitter {
  #rest = "";
  #data: string[] = [];

  /** Takes the next piece of the stream and returns the events that it completed. */
  push(piece: string): string[] {
    this.#rest += piece;
    const events: string[] = [];
    for (;;) {
      const m = /\r\n|\n|\r(?=[\s\S])/.exec(this.#rest);
      if (!m) break;
      const line = this.#rest.slice(0, m.index);
      this.#rest = this.#rest.slice(m.index + m[0].length);
      if (line === "") {
        if (this.#data.length > 0) events.push(this.#data.join("\n"));
        this.#data = [];
      } else if (line.startsWith("data:")) {
        this.#data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
    if (this.#rest.length > maxEventChars) throw new ApiError("The live tail sent a line without an end.", 0, "");
    return events;
  }
}

/** The gateway wraps streamed messages in {"result": …} or {"error": …}; plain ones are read too. */
function readEvent(data: string): TailEvent {
  const body = JSON.parse(data) as WireTail & { result?: WireTail; error?: { message?: string } };
  if (body.error) throw new ApiError(body.error.message ?? "The live tail ended with an error.", 0, "");
  const message = body.result ?? body;
  return { row: message.trace ? toTraceRow(message.trace) : undefined, skipped: Number(message.skipped ?? 0) };
}

/** Follows the traces that match, until the signal ends it or the server does. */
export async function tailTraces(
  ask: { project: string | undefined; filter: readonly string[] },
  signal: AbortSignal,
  onOpen: () => void,
  onEvent: (event: TailEvent) => void,
): Promise<void> {
  const params = new URLSearchParams();
  if (ask.project) params.set("project", ask.project);
  for (const f of ask.filter) params.append("filter", f);
  const response = await fetch(`${globalThis.location.origin}/v1/traces:tail?${params}`, {
    headers: { Accept: "text/event-stream", ...authHeaders() },
    signal,
  });
  if (!response.ok || !response.body) throw toApiError(response, await response.json().catch(() => undefined));
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const splitter = new EventSplitter();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const data of splitter.push(value)) onEvent(readEvent(data));
  }
}
