import { useEffect, useRef } from "react";
import { ApiError } from "../../api/error";
import { useAccess } from "../../api/session";
import { tailTraces, type TailEvent } from "../../api/tail";
import type { TraceRow } from "../../api/traces";
import { useTracesView } from "./store";

/** Rows are let in this often: more would only redraw what nobody can read. */
const flushEveryMs = 250;
const reconnectAfterMs = 2_000;
/** How long after a break the server still knows what came (api/tail.go); a little less, for the way. */
const resumeWithinMs = 9 * 60_000;

/** The question whose live rows the store keeps. */
export function tailQuestion(project: string | undefined, filter: readonly string[]): string {
  return JSON.stringify([project ?? "", filter]);
}

/**
 * Follows the live tail while `on`. External systems: the event stream and its timers.
 *
 * Nothing may fall between the list and the tail. Where the tail begins anew, the list is asked
 * again once the tail is open; where it broke off, it goes on behind the last event.
 */
export function useTail(on: boolean, question: string, reading: () => boolean, known: () => ReadonlySet<string>): void {
  const callbacks = useRef({ reading, known });
  useEffect(() => {
    callbacks.current = { reading, known };
  });
  useEffect(() => {
    const view = useTracesView.getState;
    view().begin(question);
    if (!on) {
      view().set({ tail: "off" });
      return undefined;
    }
    const [project, filter] = JSON.parse(question) as [string, string[]];
    const ended = new AbortController();
    let pending: TraceRow[] = [];
    let skipped = 0;
    let lastEventId = "";
    let retry: ReturnType<typeof setTimeout> | undefined;
    const take = (event: TailEvent) => {
      skipped += event.skipped;
      lastEventId = event.id || lastEventId;
      if (event.row) pending.push(event.row);
    };
    const flush = () => {
      const isReading = callbacks.current.reading();
      if (pending.length === 0 && skipped === 0 && (isReading || view().waiting.length === 0)) return;
      view().receive({ rows: pending, skipped, lastEventId }, isReading, callbacks.current.known());
      pending = [];
      skipped = 0;
    };
    const leave = () => {
      flush();
      view().set({ leftAt: Date.now() });
    };
    const connect = async () => {
      const goesOn = Date.now() - view().leftAt < resumeWithinMs ? view().lastEventId : "";
      view().set({ tail: "connecting" });
      const joined = () => {
        view().set({ tail: "live", tailError: "" });
        if (!goesOn) view().refresh();
      };
      try {
        await tailTraces({ project, filter, lastEventId: goesOn }, ended.signal, joined, take);
        if (!ended.signal.aborted) view().set({ tail: "broken", tailError: "The server ended the live tail." });
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof ApiError && error.isUnauthorized) useAccess.getState().deny(error.message);
        view().set({ tail: "broken", tailError: error instanceof ApiError ? error.message : "The live tail lost its connection." });
        // Another server may stand here now, which does not know the id: begin anew.
        if (error instanceof ApiError && error.status === 400) view().set({ lastEventId: "" });
      }
      if (ended.signal.aborted) return;
      leave();
      retry = setTimeout(() => void connect(), reconnectAfterMs);
    };
    const timer = setInterval(flush, flushEveryMs);
    void connect();
    return () => {
      ended.abort();
      clearInterval(timer);
      clearTimeout(retry);
      leave();
    };
  }, [on, question]);
}
