// What the trace list remembers while the app runs. It outlives the view on purpose: who opens a
// trace and comes back finds the list as it was, at the row that was read.
import { create } from "zustand";
import type { TraceRow } from "../../api/traces";
import type { EpochMs } from "../../lib/time";
import type { Search } from "./search";

/** Rows that the live tail keeps; what is older is a matter for the list's own pages. */
const maxTailRows = 2_000;

type TailState = "off" | "connecting" | "live" | "broken";

interface Batch {
  /** Oldest first, as they came. */
  rows: readonly TraceRow[];
  skipped: number;
  /** The id of the last event in it. */
  lastEventId: string;
}

interface TracesView {
  /** The end of a relative time range. Moves when the person asks again, not with each question. */
  now: EpochMs;
  /** What the list was last asked for: the way back to it leads there. */
  search: Search;
  /** Id of the trace with the cursor; empty when none has it. */
  cursor: string;
  scrollTop: number;
  tail: TailState;
  tailError: string;
  /** The question that the rows below answer. */
  question: string;
  /** Rows that came live and are shown, newest first. */
  arrived: readonly TraceRow[];
  /** Rows that came while the person was reading further down. */
  waiting: readonly TraceRow[];
  /** Rows that came live before the list was asked again: shown until it has answered. */
  settled: readonly TraceRow[];
  /** Traces that the server left out because this browser was too slow. */
  skipped: number;
  /** Where the tail goes on after a break; empty: it would begin anew. */
  lastEventId: string;
  /** When nobody listened any more. */
  leftAt: EpochMs;
  set: (patch: Partial<Omit<TracesView, "set" | "receive" | "letIn" | "begin" | "refresh">>) => void;
  /** Takes a batch of live rows; while `reading`, new ones wait. */
  receive: (batch: Batch, reading: boolean, known: ReadonlySet<string>) => void;
  letIn: () => void;
  /** Another question: what came for the last one is put away. */
  begin: (question: string) => void;
  /** The list is asked again up to this moment: what came live is then part of it. */
  refresh: () => void;
}

/** A trace only grows: the version with more spans is the later one, whichever came first. */
const later = (old: TraceRow, next: TraceRow) => (next.spans >= old.spans ? next : old);

/** Puts rows in front, the last word on each trace winning, without moving those that are there. */
export function mergeRows(current: readonly TraceRow[], incoming: readonly TraceRow[], most = maxTailRows): TraceRow[] {
  const latest = new Map<string, TraceRow>();
  for (const row of incoming) latest.set(row.id, later(latest.get(row.id) ?? row, row));
  const kept = current.map((row) => {
    const update = latest.get(row.id);
    latest.delete(row.id);
    return update ? later(row, update) : row;
  });
  return [...[...latest.values()].reverse(), ...kept].slice(0, most);
}

const oldestFirst = (rows: readonly TraceRow[]) => [...rows].reverse();

/** The listed rows stay where they are, brought up to date; those that came live stand on top. */
export function withArrived(listed: readonly TraceRow[], arrived: readonly TraceRow[]): TraceRow[] {
  return mergeRows(listed, oldestFirst(arrived), Number.POSITIVE_INFINITY);
}

export const useTracesView = create<TracesView>((set) => ({
  now: Date.now(),
  search: {},
  cursor: "",
  scrollTop: 0,
  tail: "off",
  tailError: "",
  question: "",
  arrived: [],
  waiting: [],
  settled: [],
  skipped: 0,
  lastEventId: "",
  leftAt: 0,
  set,
  receive: ({ rows, skipped, lastEventId }, reading, known) =>
    set((s) => {
      const rest = { skipped: s.skipped + skipped, lastEventId: lastEventId || s.lastEventId };
      // What waited came first: it goes in below what comes now.
      if (!reading) return { ...rest, arrived: mergeRows(mergeRows(s.arrived, oldestFirst(s.waiting)), rows), waiting: [] };
      // A trace that is on the page already is brought up to date where it stands.
      const shown = new Set([...known, ...s.arrived.map((r) => r.id)]);
      const updates = rows.filter((r) => shown.has(r.id));
      const inPlace = new Map(updates.map((r) => [r.id, r]));
      return {
        ...rest,
        arrived: s.arrived.map((r) => later(r, inPlace.get(r.id) ?? r)),
        waiting: mergeRows(
          s.waiting,
          rows.filter((r) => !shown.has(r.id)),
        ),
      };
    }),
  letIn: () => set((s) => ({ arrived: mergeRows(s.arrived, oldestFirst(s.waiting)), waiting: [], cursor: "", scrollTop: 0 })),
  begin: (question) =>
    set((s) => (s.question === question ? s : { question, arrived: [], waiting: [], settled: [], skipped: 0, tailError: "", lastEventId: "" })),
  refresh: () => set((s) => ({ now: Date.now(), settled: s.arrived, arrived: [], waiting: [], skipped: 0 })),
}));

/** The list as it was last seen, for the way back to it; another project's list begins afresh. */
export function useListSearch(project: string | undefined): Search {
  const search = useTracesView((s) => s.search);
  return search.project === project ? search : { project };
}
