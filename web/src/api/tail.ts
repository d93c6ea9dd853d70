// Live tail: server-sent events over fetch, because EventSource hides why it was refused.
import { ApiError, toApiError } from "./error";
import { toTraceRow, type TraceRow } from "./traces";
import type { WireTail } from "./types";

export interface TailEvent {
  /** Where the tail goes on behind this event; empty where the server does not say. */
  id: string;
  row: TraceRow | undefined;
  /** Traces that the server left out before this one, because this reader was too slow. */
  skipped: number;
}

interface StreamEvent {
  id: string;
  data: string;
}

/** A line of an event may hold a trace's previews; a stream without line ends must not fill memory. */
const maxEventChars = 4 * 1024 * 1024;

/** Splits a text stream into its server-sent events (HTML standard, section 9.2.6). */
export class EventSplitter {
  #rest = "";
  #data: string[] = [];
  #id = "";

  /** Takes the next piece of the stream and returns the events that it completed. */
  push(piece: string): StreamEvent[] {
    this.#rest += piece;
    const events: StreamEvent[] = [];
    for (;;) {
      const m = /\r\n|\n|\r(?=[\s\S])/.exec(this.#rest);
      if (!m) break;
      const line = this.#rest.slice(0, m.index);
      this.#rest = this.#rest.slice(m.index + m[0].length);
      if (line === "") {
        if (this.#data.length > 0) events.push({ id: this.#id, data: this.#data.join("\n") });
        this.#data = [];
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line)!;
      if (name === "data") this.#data.push(value!);
      // An id holds for the events after it, too, until the next one.
      else if (name === "id") this.#id = value!;
    }
    if (this.#rest.length > maxEventChars) throw new ApiError("The live tail sent a line without an end.", 0, "");
    return events;
  }
}

/** The gateway wraps streamed messages in {"result": …} or {"error": …}; plain ones are read too. */
function readEvent({ id, data }: StreamEvent): TailEvent {
  const body = JSON.parse(data) as WireTail & { result?: WireTail; error?: { message?: string } };
  if (body.error) throw new ApiError(body.error.message ?? "The live tail ended with an error.", 0, "");
  const message = body.result ?? body;
  return { id, row: message.trace ? toTraceRow(message.trace) : undefined, skipped: Number(message.skipped ?? 0) };
}

/** Follows the traces that match, until the signal ends it or the server does. */
export async function tailTraces(
  ask: {
    project: string | undefined;
    filter: readonly string[];
    /** Go on behind this event; empty: from now on. */
    lastEventId: string;
  },
  signal: AbortSignal,
  onOpen: () => void,
  onEvent: (event: TailEvent) => void,
): Promise<void> {
  const params = new URLSearchParams();
  if (ask.project) params.set("project", ask.project);
  for (const f of ask.filter) params.append("filter", f);
  const response = await fetch(`${globalThis.location.origin}/v1/traces:tail?${params}`, {
    headers: { Accept: "text/event-stream", ...(ask.lastEventId ? { "Last-Event-ID": ask.lastEventId } : {}) },
    signal,
  });
  if (!response.ok || !response.body) throw toApiError(response, await response.json().catch(() => undefined));
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const splitter = new EventSplitter();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of splitter.push(value)) onEvent(readEvent(event));
  }
}
