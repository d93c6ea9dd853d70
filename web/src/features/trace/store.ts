// What the trace page remembers while a trace is open: folds and the stretch of time.
import { createContext, useContext } from "react";
import { createStore, useStore, type StoreApi } from "zustand";
import type { TimeWindow } from "./layout/scale";

interface TraceView {
  /** Ids of the spans that hide what is below them. Not rows: a span that comes late moves those. */
  folded: ReadonlySet<string>;
  /** The stretch of time that is seen; undefined: all of it. */
  window: TimeWindow | undefined;
  set: (patch: Partial<Pick<TraceView, "folded" | "window">>) => void;
  toggle: (spanId: string) => void;
}

export function createTraceView(): StoreApi<TraceView> {
  return createStore<TraceView>((set) => ({
    folded: new Set(),
    window: undefined,
    set,
    toggle: (spanId) =>
      set((s) => {
        const folded = new Set(s.folded);
        if (!folded.delete(spanId)) folded.add(spanId);
        return { folded };
      }),
  }));
}

export const TraceViewContext = createContext<StoreApi<TraceView> | null>(null);

export function useTraceView<T>(select: (s: TraceView) => T): T {
  const store = useContext(TraceViewContext);
  if (!store) throw new Error("useTraceView is used outside of a trace page");
  return useStore(store, select);
}
