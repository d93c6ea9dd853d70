import { useEffect, useImperativeHandle, useRef, type MouseEvent, type Ref } from "react";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import type { TraceRow } from "../../api/traces";
import { useCommands } from "../../ui/commands";
import { usePreferences } from "../../ui/preferences";
import { useMedia } from "../../ui/useMedia";
import { useTracesView } from "./store";
import { Row } from "./Row";
import css from "./TraceList.module.css";

export interface ListHandle {
  /** Someone reads further down, or has a row under the cursor: new rows must wait. */
  isReading: () => boolean;
  toTop: () => void;
}

/** Pixels; the rows of the stylesheet are as high. */
const rowHeight = 48;
const cardHeight = 92;
/** Rows before the end at which the next page is asked for: two screens. */
const readAhead = 40;

interface Props {
  rows: readonly TraceRow[];
  /** -1: there are more than are here. */
  total: number;
  isStale: boolean;
  isFetchingMore: boolean;
  onEnd: () => void;
  ref: Ref<ListHandle>;
}

const columns = ["Time", "Trace", "Models and agents", "Spans", "Duration", "Tokens", "Cost", "State"];

export function TraceList({ rows, total, isStale, isFetchingMore, onEnd, ref }: Props) {
  "use no memo"; // The virtualizer changes in place; the compiler would keep its first answer.
  const box = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const router = useRouter();
  const zone = usePreferences((s) => s.zone);
  const cursor = useTracesView((s) => s.cursor);
  // The cursor stands on a trace, not on a place: rows that come in on top do not move it.
  const at = cursor ? rows.findIndex((r) => r.id === cursor) : -1;
  const isNarrow = useMedia("(width < 56rem)");
  const set = useTracesView.getState().set;
  const height = isNarrow ? cardHeight : rowHeight;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 12,
    initialOffset: useTracesView.getState().scrollTop,
    getItemKey: (i) => rows[i]!.id,
  });
  // External system: the virtualizer's measured sizes.
  useEffect(() => virtual.measure(), [height, virtual]);

  useImperativeHandle(ref, () => ({
    isReading: () => (box.current?.scrollTop ?? 0) > 4 || at >= 0,
    toTop: () => box.current?.scrollTo({ top: 0 }),
  }));

  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  // External system: the server, asked for more before the end comes into sight.
  useEffect(() => {
    if (last >= rows.length - readAhead) onEnd();
  }, [last, rows.length, onEnd]);

  const target = (row: TraceRow) => ({
    to: "/traces/$traceId" as const,
    params: { traceId: row.id },
    search: (old: { project?: string }) => ({ project: old.project }),
  });
  const open = (row: TraceRow | undefined) => {
    if (row) void navigate(target(row));
  };
  const onRowClick = (event: MouseEvent<HTMLElement>, row: TraceRow) => {
    // The link in the row does it itself, in a new tab when asked; a selection of text is no click.
    if (event.target instanceof Element && event.target.closest("a")) return;
    if (getSelection()?.isCollapsed === false) return;
    if (event.ctrlKey || event.metaKey) globalThis.open(router.buildLocation(target(row)).href, "_blank", "noopener");
    else open(row);
  };
  const move = (to: number) => {
    const next = Math.min(Math.max(to, 0), rows.length - 1);
    set({ cursor: rows[next]?.id ?? "" });
    virtual.scrollToIndex(next);
  };
  const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 480) / height) - 1);
  useCommands([
    { id: "next", title: "Next trace", group: "Traces", keys: ["j", "ArrowDown"], run: () => move(at + 1) },
    { id: "previous", title: "Previous trace", group: "Traces", keys: ["k", "ArrowUp"], run: () => move(at - 1) },
    { id: "page-down", title: "A screen down", group: "Traces", keys: ["PageDown"], run: () => move(at + page) },
    { id: "page-up", title: "A screen up", group: "Traces", keys: ["PageUp"], run: () => move(at - page) },
    { id: "first", title: "First trace", group: "Traces", keys: ["Home", "g"], run: () => move(0) },
    { id: "open", title: "Open the trace", group: "Traces", keys: ["Enter", "o"], run: () => open(rows[at]) },
    { id: "release", title: "Leave the row", group: "Traces", keys: ["Escape"], run: () => set({ cursor: "" }) },
  ]);

  const longest = Math.max(1, ...items.map((i) => rows[i.index]?.durationNs ?? 0));
  const active = rows[at];
  return (
    <>
      <div
        className={css.grid}
        role="grid"
        aria-label="Traces"
        aria-rowcount={total < 0 ? -1 : total + 1}
        aria-colcount={columns.length}
        aria-busy={isStale || isFetchingMore}
        data-stale={isStale ? "" : undefined}
      >
        <div role="row" aria-rowindex={1} className={css.head}>
          {columns.map((c) => (
            <span key={c} role="columnheader">
              {c}
            </span>
          ))}
        </div>
        <div
          ref={box}
          role="rowgroup"
          className={css.body}
          // Scrollable, so the keyboard must reach it; the rows follow the cursor.
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          tabIndex={0}
          aria-label="Rows"
          onScroll={(e) => set({ scrollTop: e.currentTarget.scrollTop })}
        >
          <div role="presentation" className={css.canvas} style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const row = rows[item.index]!;
              return (
                <div
                  key={item.key}
                  role="row"
                  aria-rowindex={item.index + 2}
                  aria-selected={item.index === at}
                  className={css.row}
                  style={{ transform: `translateY(${item.start}px)` }}
                  onClick={(e) => onRowClick(e, row)}
                >
                  <Row row={row} zone={zone} longestNs={longest} />
                </div>
              );
            })}
          </div>
        </div>
      </div>
      <div className="srOnly" role="status">
        {active ? `${active.name}, ${active.service}` : ""}
      </div>
    </>
  );
}
