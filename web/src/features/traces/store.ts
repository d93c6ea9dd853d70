// What the trace list remembers while the app runs. It outlives the view on purpose: who opens a
// trace and comes back finds the list as it was, at the row that was read.
import { create } from "zustand";
import type { TraceRow } from "../../api/traces";
import type { EpochMs } from "../../lib/time";

/** Rows that the live tail keeps; what is older is a matter for the list's own pages. */
const maxTailRows = 2_000;

type TailState = "off" | "connecting" | "live" | "broken";

interface TracesView {
  /** The end of a relative time range. Moves when the person asks again, not with each question. */
  now: EpochMs;
  /** Index of the row with the cursor. */
  cursor: number;
  scrollTop: number;
  tail: TailState;
  tailError: string;
  /** Rows that came live and are shown, newest first. */
  arrived: readonly TraceRow[];
  /** Rows that came while the person was reading further down. */
  waiting: readonly TraceRow[];
  /** Traces that the server left out because this browser was too slow. */
  skipped: number;
  set: (patch: Partial<Omit<TracesView, "set" | "receive" | "letIn" | "clearTail">>) => void;
  /** Takes a batch of live rows; while `reading`, new ones wait. */
  receive: (rows: readonly TraceRow[], skipped: number, reading: boolean, known: ReadonlySet<string>) => void;
  letIn: () => void;
  clearTail: () => void;
}

/** Puts rows in front, the last word on each trace winning, without moving those that are there. */
export function mergeRows(current: readonly TraceRow[], incoming: readonly TraceRow[], most = maxTailRows): TraceRow[] {
  const latest = new Map(incoming.map((row) => [row.id, row]));
  const kept = current.map((row) => {
    const update = latest.get(row.id);
    latest.delete(row.id);
    return update ?? row;
  });
  return [...[...latest.values()].reverse(), ...kept].slice(0, most);
}

export const useTracesView = create<TracesView>((set) => ({
  now: Date.now(),
  cursor: -1,
  scrollTop: 0,
  tail: "off",
  tailError: "",
  arrived: [],
  waiting: [],
  skipped: 0,
  set,
  receive: (rows, skipped, reading, known) =>
    set((s) => {
      if (!reading) return { arrived: mergeRows(s.arrived, rows), skipped: s.skipped + skipped };
      // A trace that is on the page already is brought up to date where it stands.
      const shown = new Set([...known, ...s.arrived.map((r) => r.id)]);
      const updates = rows.filter((r) => shown.has(r.id));
      const fresh = rows.filter((r) => !shown.has(r.id));
      const inPlace = new Map(updates.map((r) => [r.id, r]));
      return {
        arrived: s.arrived.map((r) => inPlace.get(r.id) ?? r),
        waiting: mergeRows(s.waiting, fresh),
        skipped: s.skipped + skipped,
      };
    }),
  letIn: () => set((s) => ({ arrived: mergeRows(s.arrived, [...s.waiting].reverse()), waiting: [], scrollTop: 0 })),
  clearTail: () => set({ arrived: [], waiting: [], skipped: 0, tailError: "" }),
}));
