import { useEffect, useRef } from "react";
import { ApiError } from "../../api/error";
import { tailTraces, type TailEvent } from "../../api/tail";
import type { TraceRow } from "../../api/traces";
import { useAccess } from "../../api/key";
import { useTracesView } from "./store";

/** Rows are let in this often: more would only redraw what nobody can read. */
const flushEveryMs = 250;
const reconnectAfterMs = 2_000;

/** Follows the live tail while `on`. External systems: the event stream and its timers. */
export function useTail(on: boolean, project: string | undefined, filter: readonly string[], reading: () => boolean, known: () => ReadonlySet<string>): void {
  const ask = JSON.stringify([project, filter]);
  const callbacks = useRef({ reading, known });
  useEffect(() => {
    callbacks.current = { reading, known };
  });
  useEffect(() => {
    const { set, receive, clearTail } = useTracesView.getState();
    clearTail();
    if (!on) {
      set({ tail: "off" });
      return undefined;
    }
    const [askedProject, askedFilter] = JSON.parse(ask) as [string | undefined, string[]];
    const ended = new AbortController();
    let pending: TraceRow[] = [];
    let skipped = 0;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const take = (event: TailEvent) => {
      skipped += event.skipped;
      if (event.row) pending.push(event.row);
    };
    const flush = setInterval(() => {
      if (pending.length === 0 && skipped === 0) return;
      receive(pending, skipped, callbacks.current.reading(), callbacks.current.known());
      pending = [];
      skipped = 0;
    }, flushEveryMs);
    const connect = async () => {
      set({ tail: "connecting" });
      try {
        await tailTraces({ project: askedProject ?? undefined, filter: askedFilter }, ended.signal, () => set({ tail: "live", tailError: "" }), take);
        if (!ended.signal.aborted) set({ tail: "broken", tailError: "The server ended the live tail." });
      } catch (error) {
        if (ended.signal.aborted) return;
        if (error instanceof ApiError && error.isUnauthorized) useAccess.getState().deny(error.message);
        set({ tail: "broken", tailError: error instanceof ApiError ? error.message : "The live tail lost its connection." });
      }
      if (!ended.signal.aborted) retry = setTimeout(() => void connect(), reconnectAfterMs);
    };
    void connect();
    return () => {
      ended.abort();
      clearInterval(flush);
      clearTimeout(retry);
    };
  }, [on, ask]);
}
