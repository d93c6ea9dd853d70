import { memo, useEffect, useMemo, useRef } from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight, CircleAlert, RotateCw, TriangleAlert, Unlink } from "lucide-react";
import type { SpanNode } from "../../api/types";
import { formatMoney, formatShort, parseCount, plural } from "../../lib/format";
import { formatDuration } from "../../lib/time";
import { useCommands } from "../../ui/commands";
import { SignalBadges } from "../../ui/SignalBadge";
import { useWidth } from "../../ui/useWidth";
import { barOf, ticksOf, zoomWindow, type TimeWindow } from "./layout/scale";
import { findRow, foldFromDepth, hasChildren, isFolded, kindOf, kinds, siblingPlace, unfoldTo, visibleRows, type SpanTree } from "./layout/tree";
import { KindIcon, kindColor, kindNames } from "./kind";
import { Minimap } from "./Minimap";
import { useTraceView } from "./store";
import css from "./Waterfall.module.css";

/** Pixels; the rows of the stylesheet are as high. */
const rowHeight = 26;
/** Indentation stops growing here: names must keep room in a deep tree. */
const maxIndent = 14;
/** One press of a zoom key. */
const zoomStep = 0.6;
/** A row below this depth is folded by the key that folds deep rows. */
const shallowDepth = 1;

interface Props {
  tree: SpanTree;
  /** What was found in spans, by their ids. */
  words: ReadonlyMap<string, readonly string[]>;
  seen: TimeWindow;
  /** Row of the selected span, -1 for none. */
  selected: number;
  /** The selection moves, as by a key. */
  onSelect: (row: number) => void;
  /** A person points at a span, to see it. */
  onOpen: (row: number) => void;
}

export function Waterfall({ tree, words, seen, selected, onSelect, onOpen }: Props) {
  "use no memo"; // The virtualizer changes in place; the compiler would keep its first answer.
  const box = useRef<HTMLDivElement>(null);
  const axis = useRef<HTMLDivElement>(null);
  const axisPixels = useWidth(axis) ?? 400;
  const folded = useTraceView((s) => s.folded);
  const set = useTraceView((s) => s.set);
  const toggle = useTraceView((s) => s.toggle);
  const rows = useMemo(() => visibleRows(tree, folded), [tree, folded]);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 16,
  });
  const at = selected < 0 ? -1 : rows.indexOf(selected);
  const selectedId = tree.spans[selected]?.spanId;

  // External system: the scroll position follows the selection, which a link or a key may move. Only
  // a new selection scrolls: folding, zooming and late spans must not pull the reader back.
  const isScrollDue = useRef(false);
  useEffect(() => {
    isScrollDue.current = selectedId !== undefined;
  }, [selectedId]);
  useEffect(() => {
    if (!isScrollDue.current || selected < 0) return;
    const open = unfoldTo(tree, folded, selected);
    // What hides the span opens first; the rows that follow from it bring us back here.
    if (open !== folded) set({ folded: open });
    else if (at >= 0) {
      isScrollDue.current = false;
      virtual.scrollToIndex(at, { align: "auto" });
    }
  }, [selected, selectedId, at, tree, folded, set, virtual]);

  const select = (index: number) => {
    const row = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    if (row !== undefined) onSelect(row);
  };
  const current = Math.max(selected, 0);
  const jump = (step: 1 | -1, test: (row: number) => boolean) => {
    const row = findRow(tree, selected < 0 && step > 0 ? -1 : current, step, test);
    if (row >= 0) onSelect(row);
  };
  const zoom = (factor: number) => {
    const middle = selected < 0 ? (seen.fromNs + seen.toNs) / 2 : tree.startNs[current]! + tree.durationNs[current]! / 2;
    set({ window: zoomWindow(seen, middle, factor, tree.totalNs) });
  };
  const idOf = (row: number) => tree.spans[row]?.spanId ?? "";
  const into = () => {
    if (isFolded(tree, folded, current)) toggle(idOf(current));
    else if (hasChildren(tree, current)) onSelect(current + 1);
  };
  const outOf = () => {
    if (hasChildren(tree, current) && !isFolded(tree, folded, current)) toggle(idOf(current));
    else if (tree.parent[current]! >= 0) onSelect(tree.parent[current]!);
  };
  useCommands([
    { id: "span-next", title: "Next span", group: "Trace", keys: ["j", "ArrowDown"], run: () => select(at + 1) },
    { id: "span-previous", title: "Previous span", group: "Trace", keys: ["k", "ArrowUp"], run: () => select(at - 1) },
    { id: "span-open", title: "Unfold, or go to the first child", group: "Trace", keys: ["ArrowRight"], run: into },
    { id: "span-close", title: "Fold, or go to the parent", group: "Trace", keys: ["ArrowLeft"], run: outOf },
    { id: "span-show", title: "Show the span", group: "Trace", keys: ["Enter"], run: () => (selected < 0 ? undefined : onOpen(selected)) },
    { id: "span-first", title: "First span", group: "Trace", keys: ["Home", "g"], run: () => select(0) },
    { id: "span-last", title: "Last span", group: "Trace", keys: ["End", "G"], run: () => select(rows.length - 1) },
    { id: "error-next", title: "Next failed span", group: "Trace", keys: ["n"], run: () => jump(1, (r) => tree.failed[r] === 1) },
    { id: "error-previous", title: "Previous failed span", group: "Trace", keys: ["N"], run: () => jump(-1, (r) => tree.failed[r] === 1) },
    { id: "model-next", title: "Next model call", group: "Trace", keys: ["m"], run: () => jump(1, (r) => kinds[tree.kind[r]!] === "model") },
    { id: "fold-all", title: "Fold what lies deep", group: "Trace", keys: ["["], run: () => set({ folded: foldFromDepth(tree, shallowDepth) }) },
    { id: "unfold-all", title: "Unfold everything", group: "Trace", keys: ["]"], run: () => set({ folded: new Set() }) },
    { id: "zoom-in", title: "Zoom in on the span", group: "Trace", keys: ["+", "="], run: () => zoom(zoomStep) },
    { id: "zoom-out", title: "Zoom out", group: "Trace", keys: ["-"], run: () => zoom(1 / zoomStep) },
    { id: "zoom-all", title: "Show the whole time", group: "Trace", keys: ["0"], run: () => set({ window: undefined }) },
  ]);

  return (
    <div className={css.waterfall}>
      <div className={css.over}>
        <span className={css.legend}>{plural(tree.spans.length, "span")}</span>
        <span />
        <Minimap tree={tree} window={seen} />
      </div>
      <div className={css.axis} aria-hidden>
        <span />
        <span />
        <div ref={axis} className={css.ticks}>
          {ticksOf(seen, axisPixels).map((t) => (
            <span key={t.at} className={css.tick} style={{ left: `${t.at}%` }}>
              {t.label}
            </span>
          ))}
        </div>
      </div>
      <div
        ref={box}
        className={css.body}
        role="treegrid"
        aria-label="Spans"
        aria-rowcount={rows.length}
        aria-colcount={3}
        aria-activedescendant={at >= 0 ? `span-${selected}` : undefined}
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
      >
        <div role="rowgroup" className={css.canvas} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index]!;
            const place = siblingPlace(tree, row);
            const isClosed = isFolded(tree, folded, row);
            return (
              <div
                key={row}
                id={`span-${row}`}
                role="row"
                aria-level={tree.depth[row]! + 1}
                aria-posinset={place.position}
                aria-setsize={place.size}
                aria-rowindex={item.index + 1}
                aria-selected={row === selected}
                {...(hasChildren(tree, row) ? { "aria-expanded": !isClosed } : {})}
                className={css.row}
                data-failed={tree.failed[row] ? "" : undefined}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => onOpen(row)}
              >
                <SpanRow tree={tree} words={words.get(tree.spans[row]!.spanId ?? "")} row={row} seen={seen} isClosed={isClosed} onToggle={toggle} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Of a span in which nothing was found. */
const none: readonly string[] = [];

interface RowProps {
  tree: SpanTree;
  words: readonly string[] | undefined;
  row: number;
  seen: TimeWindow;
  isClosed: boolean;
  onToggle: (spanId: string) => void;
}

const SpanRow = memo(function SpanRow({ tree, words, row, seen, isClosed, onToggle }: RowProps) {
  const span = tree.spans[row]!;
  const kind = kinds[tree.kind[row]!]!;
  const depth = Math.min(tree.depth[row]!, maxIndent);
  const below = tree.failedBelow[row]!;
  const bar = barOf(tree.startNs[row]!, tree.durationNs[row]!, seen);
  // Tokens and cost stand where there is room: behind the bar, or before it, or nowhere.
  const room = 22;
  const end = bar ? bar.left + bar.width : 0;
  const place = !bar
    ? undefined
    : end < 100 - room
      ? { left: `${end}%`, paddingLeft: 6 }
      : bar.left > room
        ? { right: `${100 - bar.left}%`, paddingRight: 6 }
        : undefined;
  return (
    <>
      <span role="gridcell" className={css.label} style={{ paddingLeft: `${depth * 12}px` }}>
        {hasChildren(tree, row) ? (
          <button
            type="button"
            tabIndex={-1}
            className={css.fold}
            data-open={isClosed ? undefined : ""}
            aria-label={isClosed ? "Unfold" : "Fold"}
            onClick={(e) => {
              e.stopPropagation();
              onToggle(span.spanId ?? "");
            }}
          >
            <ChevronRight size={13} aria-hidden />
          </button>
        ) : (
          <span className={css.leaf} />
        )}
        <KindIcon kind={kind} size={13} />
        <span className={css.name} title={span.name}>
          <span className="srOnly">{kindNames[kind]} </span>
          {titleOf(span)}
        </span>
        <SignalBadges words={words ?? none} most={1} />
        <Marks span={span} orphan={tree.orphan[row] === 1} circular={tree.circular[row] === 1} failed={tree.failed[row] === 1} below={isClosed ? below : 0} />
        {isClosed ? <span className={css.hidden}>{formatShort(tree.end[row]! - row - 1)}</span> : null}
      </span>
      <span role="gridcell" className={css.duration}>
        {formatDuration(tree.durationNs[row]!)}
      </span>
      <span role="gridcell" className={css.time}>
        {bar ? (
          <span
            className={css.bar}
            data-cut-left={bar.cutLeft ? "" : undefined}
            data-cut-right={bar.cutRight ? "" : undefined}
            style={{ left: `${bar.left}%`, width: `max(2px, ${bar.width}%)`, background: tree.failed[row] ? "var(--error-fill)" : kindColor(kind) }}
          />
        ) : null}
        {place ? (
          <span className={css.facts} style={place}>
            <Facts span={span} />
          </span>
        ) : null}
      </span>
    </>
  );
});

/** Operation names repeat what the icon says: the model, tool or agent is the news. */
function titleOf(span: SpanNode): string {
  return span.name || span.operation || span.spanId || "";
}

function Marks({ span, orphan, circular, failed, below }: { span: SpanNode; orphan: boolean; circular: boolean; failed: boolean; below: number }) {
  const warnings = span.warningCount ?? 0;
  return (
    <span className={css.marks}>
      {failed ? (
        <span className={css.bad} title={span.error?.message || "failed"}>
          <CircleAlert size={13} aria-hidden />
          <span className="srOnly">failed</span>
        </span>
      ) : null}
      {below > 0 ? (
        <span className={css.bad} title={plural(below, "failed span below", "failed spans below")}>
          <span aria-hidden>{below}</span>
          <span className="srOnly">{plural(below, "failed span below", "failed spans below")}</span>
        </span>
      ) : null}
      {warnings > 0 ? (
        <span className={css.warn} title={plural(warnings, "warning")}>
          <TriangleAlert size={12} aria-hidden />
          <span className="srOnly">{plural(warnings, "warning")}</span>
        </span>
      ) : null}
      {orphan ? (
        <span className={css.warn} title="Its parent span is not here">
          <Unlink size={12} aria-hidden />
          <span className="srOnly">parent missing</span>
        </span>
      ) : null}
      {circular ? (
        <span className={css.warn} title="Its parent span lies below it: they name each other in a circle">
          <RotateCw size={12} aria-hidden />
          <span className="srOnly">its own ancestor</span>
        </span>
      ) : null}
    </span>
  );
}

function Facts({ span }: { span: SpanNode }) {
  const input = parseCount(span.inputTokens);
  const output = parseCount(span.outputTokens);
  const isOneWay = kindOf(span.operation) === "embedding" && output === undefined;
  const known = input !== undefined || output !== undefined;
  return (
    <>
      {known ? (
        <span className={css.fact}>
          {input === undefined ? "?" : formatShort(input)} {isOneWay ? "in" : `→ ${output === undefined ? "?" : formatShort(output)}`}
        </span>
      ) : null}
      {span.cost?.amount ? <span className={css.fact}>{formatMoney(span.cost.amount, span.cost.currency)}</span> : null}
    </>
  );
}
