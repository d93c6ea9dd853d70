import { useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeft, CircleAlert, TriangleAlert } from "lucide-react";
import { ApiError } from "../../api/error";
import { traceSignalsQuery, wordsBySpan } from "../../api/signals";
import { toTraceRow, traceTreeQuery, type TraceRow } from "../../api/traces";
import type { WireTraceTree } from "../../api/types";
import { formatCount, formatShort, plural, sayCost, unknown } from "../../lib/format";
import { formatDuration, formatInstant } from "../../lib/time";
import { Segmented } from "../../ui/Button";
import { useCommands } from "../../ui/commands";
import { Copy } from "../../ui/Copy";
import { clampPane, usePreferences } from "../../ui/preferences";
import { ErrorState, Skeleton, Stale } from "../../ui/State";
import { useMedia } from "../../ui/useMedia";
import { useListSearch } from "../traces";
import { FindingsContext } from "./found";
import { toFindings } from "./layout/findings";
import { panesOf, type PanesShown } from "./layout/panes";
import { clampWindow, fullWindow } from "./layout/scale";
import { buildTree } from "./layout/tree";
import { Reader, type ReaderTab } from "./Reader";
import { createTraceView, TraceViewContext, useTraceView } from "./store";
import { Waterfall } from "./Waterfall";
import css from "./TracePage.module.css";

const route = getRouteApi("/traces/$traceId");

/** One trace: what happened when on the left, what was said on the right. */
export function TracePage() {
  const { traceId } = route.useParams();
  const { project } = route.useSearch();
  const trace = useQuery(traceTreeQuery(traceId, project));
  if (trace.isPending) return <Skeleton lines={16} label="Loading the trace" />;
  if (trace.data === undefined) {
    return <NoTrace error={trace.error as ApiError} onRetry={() => void trace.refetch()} />;
  }
  return (
    <Opened key={traceId} traceId={traceId} trace={trace.data} isStale={trace.isError}>
      {trace.isError ? <Stale error={trace.error} onRetry={() => void trace.refetch()} /> : null}
    </Opened>
  );
}

/** The trace is not here, or could not be read; Escape leads back, as it does from a trace. */
function NoTrace({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const navigate = useNavigate();
  const listSearch = useListSearch(route.useSearch().project);
  useCommands([{ id: "back", title: "Back to the list", group: "Trace", keys: ["Escape"], run: () => void navigate({ to: "/traces", search: listSearch }) }]);
  return (
    <ErrorState isPage title={error.status === 404 ? "There is no such trace" : "The trace could not be read"} error={error} onRetry={onRetry}>
      <Link to="/traces" search={listSearch}>
        Back to the list
      </Link>
    </ErrorState>
  );
}

interface OpenedProps {
  traceId: string;
  trace: WireTraceTree;
  /** It could not be brought up to date. */
  isStale: boolean;
  /** What is to be said about the trace as a whole. */
  children: React.ReactNode;
}

function Opened(props: OpenedProps) {
  const [store] = useState(createTraceView);
  return (
    <TraceViewContext value={store}>
      <Panes {...props} />
    </TraceViewContext>
  );
}

function Panes({ traceId, trace, isStale, children }: OpenedProps) {
  const { span, tab, thread, view, project } = route.useSearch();
  const navigate = useNavigate({ from: "/traces/$traceId" });
  const isNarrow = useMedia("(width < 64rem)");
  const window = useTraceView((s) => s.window);
  const spans = trace.spans;
  const tree = useMemo(() => buildTree(spans ?? []), [spans]);
  const seen = window ? clampWindow(window, tree.totalNs) : fullWindow(tree.totalNs);
  const circles = useMemo(() => tree.circular.reduce((n, c) => n + c, 0), [tree]);
  const selected = span === undefined ? -1 : (tree.rowOf.get(span) ?? -1);

  const listSearch = useListSearch(project);
  const back = () => void navigate({ to: "/traces", search: listSearch });
  const shows = panesOf(view, isNarrow, selected >= 0);
  const select = (spanId: string, to: Partial<{ view: "read" | undefined }> = {}) =>
    void navigate({
      // Who walks through the timeline alone stays there: without a word on it, a narrow window would show the span.
      search: (old) => ({
        ...old,
        span: spanId,
        tab: old.tab === "conversation" ? undefined : old.tab,
        view: shows === "timeline" ? shows : old.view,
        ...to,
      }),
      // Where another pane comes into sight, the way back leads to this one.
      replace: !("view" in to),
    });
  // Who points at a span wants to see it: where the timeline stands alone, the reader takes its place or joins it.
  const open = (spanId: string) => select(spanId, shows === "timeline" ? { view: isNarrow ? "read" : undefined } : {});
  const setTab = (next: ReaderTab) => void navigate({ search: (old) => ({ ...old, tab: next }), replace: true });
  const setThread = (next: string) => void navigate({ search: (old) => ({ ...old, thread: next }), replace: true });
  const setView = (next: PanesShown) => void navigate({ search: (old) => ({ ...old, view: next === "both" ? undefined : next }), replace: true });
  useCommands([
    {
      id: "back",
      title: "Back to the list",
      group: "Trace",
      keys: ["Escape"],
      run: () => (selected >= 0 ? void navigate({ search: (old) => ({ ...old, span: undefined, tab: undefined }), replace: true }) : back()),
    },
    { id: "read", title: "Read the conversation", group: "Trace", keys: ["c"], run: () => setTab("conversation") },
    { id: "raw", title: "Show the span as it was sent", group: "Trace", keys: ["w"], run: () => (selected >= 0 ? setTab("raw") : undefined) },
    {
      id: "view",
      title: "Switch between both panes and reading",
      group: "Trace",
      keys: ["v"],
      run: () => setView(shows !== "read" ? "read" : isNarrow ? "timeline" : "both"),
    },
  ]);

  const [goal, setGoal] = useState<number>();
  const said = useQuery(traceSignalsQuery(traceId, project));
  const signals = said.data?.signals;
  const found = useMemo(() => ({ findings: toFindings(signals ?? []), words: wordsBySpan(signals ?? []) }), [signals]);

  const idOf = (row: number) => tree.spans[row]?.spanId ?? "";
  const waterfall = (
    <Waterfall tree={tree} words={found.words} seen={seen} selected={selected} onSelect={(row) => select(idOf(row))} onOpen={(row) => open(idOf(row))} />
  );
  const reader = (
    <Reader
      traceId={traceId}
      project={project}
      tree={tree}
      isStale={isStale}
      spanId={selected < 0 ? undefined : span}
      tab={tab}
      thread={thread}
      onTab={setTab}
      onThread={setThread}
      onSelect={(id) => select(id)}
    />
  );
  const options = [
    ...(isNarrow ? [] : [{ id: "both" as const, label: "Both" }]),
    { id: "timeline" as const, label: "Timeline" },
    { id: "read" as const, label: isNarrow && selected >= 0 ? "Span" : "Read" },
  ];
  return (
    <FindingsContext value={{ findings: found.findings, goal, setGoal }}>
      <div className={css.page}>
        <Header row={toTraceRow(trace.summary ?? {})} traceId={traceId} truncated={trace.truncated ?? false} loaded={tree.spans.length} circles={circles}>
          <Segmented label="Panes" value={shows} options={options} onChange={setView} />
        </Header>
        {children}
        {selected < 0 && span !== undefined ? <p className={css.notice}>The span {span} is not in this trace, or not yet.</p> : null}
        {shows === "both" ? <Split left={waterfall} right={reader} /> : <div className={css.single}>{shows === "timeline" ? waterfall : reader}</div>}
      </div>
    </FindingsContext>
  );
}

interface HeaderProps {
  row: TraceRow;
  traceId: string;
  truncated: boolean;
  loaded: number;
  /** Where spans name each other as parents. */
  circles: number;
  children: React.ReactNode;
}

function Header({ row, traceId, truncated, loaded, circles, children }: HeaderProps) {
  const zone = usePreferences((s) => s.zone);
  const listSearch = useListSearch(route.useSearch().project);
  const { input, output } = row.tokens;
  const hasCalls = row.models.length > 0;
  const cost = sayCost(row.cost, row.unpriced);
  const count = (n: number | undefined) => (n === undefined ? unknown : formatShort(n));
  return (
    <header className={css.header}>
      <div className={css.top}>
        <Link to="/traces" search={listSearch} className={css.back} aria-label="Back to the list">
          <ArrowLeft size={16} aria-hidden />
        </Link>
        <h1 className={css.title}>{row.name || traceId}</h1>
        <span className={css.service}>{row.service}</span>
        <span className={css.id}>
          <code>{traceId}</code>
          <Copy text={traceId} label="Copy the trace id" />
        </span>
        <span className={css.view}>{children}</span>
      </div>
      <dl className={css.facts}>
        <Fact name="Started">{formatInstant(row.startMs, zone)}</Fact>
        <Fact name="Duration">{formatDuration(row.durationNs)}</Fact>
        <Fact name="Spans">
          {formatCount(row.spans || loaded)}
          {row.genaiSpans > 0 ? <span className={css.of}> {formatCount(row.genaiSpans)} GenAI</span> : null}
        </Fact>
        {hasCalls || input !== undefined ? (
          <Fact name="Tokens">
            {input === undefined && output === undefined ? (
              unknown
            ) : (
              <span title={`${input === undefined ? unknown : formatCount(input)} in, ${output === undefined ? unknown : formatCount(output)} out`}>
                {count(input)} in, {count(output)} out
              </span>
            )}
          </Fact>
        ) : null}
        {hasCalls || row.cost || row.unpriced > 0 ? (
          <Fact name="Cost">
            <span title={cost.full}>{cost.text}</span>
            {row.cost && row.unpriced > 0 ? <span className={css.of}> {formatCount(row.unpriced)} unpriced</span> : null}
          </Fact>
        ) : null}
        {row.models.length > 0 ? (
          <Fact minor name={row.models.length > 1 ? "Models" : "Model"}>
            {row.models.join(", ")}
          </Fact>
        ) : null}
        {row.agents.length > 0 ? (
          <Fact minor name={row.agents.length > 1 ? "Agents" : "Agent"}>
            {row.agents.join(", ")}
          </Fact>
        ) : null}
        {row.promptVersions.length > 0 ? (
          <Fact minor name="Prompt">
            {row.promptVersions.join(", ")}
          </Fact>
        ) : null}
        {row.errors > 0 ? (
          <Fact name="Failed" tone="error">
            <CircleAlert size={13} aria-hidden /> {plural(row.errors, "span")}
          </Fact>
        ) : null}
        {row.warnings > 0 ? (
          <Fact name="Doubtful" tone="warn">
            <TriangleAlert size={13} aria-hidden /> {plural(row.warnings, "warning")}
          </Fact>
        ) : null}
      </dl>
      {circles > 0 ? (
        <p className={css.notice}>
          {circles === 1 ? "Some spans are" : `In ${formatCount(circles)} places spans are`} their own ancestors: they name each other as parents, in a circle.
          It is cut at the span that began first. Whoever sends them sets a wrong parent.
        </p>
      ) : row.rootMissing ? (
        <p className={css.notice}>The root span has not come yet: names and sums may still change.</p>
      ) : null}
      {truncated ? <p className={css.notice}>The trace is larger than one answer: the first {formatCount(loaded)} spans are shown.</p> : null}
    </header>
  );
}

interface FactProps {
  name: string;
  tone?: "error" | "warn";
  /** A narrow window leaves it to the spans. */
  minor?: boolean;
  children: React.ReactNode;
}

function Fact({ name, tone, minor = false, children }: FactProps) {
  return (
    <div className={css.fact} data-tone={tone} data-minor={minor ? "" : undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Per cent that one press of an arrow key moves the border. */
const keyStep = 4;

function Split({ left, right }: { left: React.ReactNode; right: React.ReactNode }) {
  const { paneWidth, setPaneWidth } = usePreferences();
  const box = useRef<HTMLDivElement>(null);
  const [dragged, setDragged] = useState<number | null>(null);
  const width = dragged ?? paneWidth;
  const move = (event: PointerEvent) => {
    const r = box.current!.getBoundingClientRect();
    setDragged(clampPane(((r.right - event.clientX) / r.width) * 100));
  };
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === "ArrowLeft" ? keyStep : event.key === "ArrowRight" ? -keyStep : 0;
    if (step === 0) return;
    event.preventDefault();
    setPaneWidth(paneWidth + step);
  };
  return (
    <div ref={box} className={css.split} style={{ gridTemplateColumns: `minmax(0, 1fr) 1px minmax(0, ${width}%)` }}>
      {left}
      {/* A separator that can be moved is a widget: ARIA asks for the focus and the value. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions */}
      <div
        className={css.border}
        role="separator"
        aria-orientation="vertical"
        aria-label="Width of the reading pane"
        aria-valuenow={Math.round(width)}
        aria-valuemin={28}
        aria-valuemax={72}
        tabIndex={0}
        onKeyDown={onKey}
        onPointerDown={(e) => {
          e.currentTarget.setPointerCapture(e.pointerId);
          setDragged(paneWidth);
        }}
        onPointerMove={(e) => {
          if (dragged !== null) move(e);
        }}
        onPointerUp={() => {
          if (dragged !== null) setPaneWidth(dragged);
          setDragged(null);
        }}
      />
      {right}
    </div>
  );
}
