import { useEffect, useRef, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Radio, RotateCw, SlidersHorizontal } from "lucide-react";
import { ApiError } from "../../api/error";
import { facetsQuery, histogramQuery, tracesQuery, type TraceQuery } from "../../api/traces";
import { addFilter, removeFilter, type Filter } from "../../lib/filter";
import { plural } from "../../lib/format";
import { resolveRange } from "../../lib/time";
import { Button, IconButton, Segmented } from "../../ui/Button";
import { useCommands } from "../../ui/commands";
import { Dialog } from "../../ui/Dialog";
import { RangePicker } from "../../ui/RangePicker";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import { Facets } from "./Facets";
import { signalField } from "./fields";
import { FilterBar } from "./FilterBar";
import { Histogram } from "./Histogram";
import { Hits } from "./Hits";
import { Nothing } from "./Onboarding";
import { SearchBox } from "./SearchBox";
import type { Search } from "./search";
import { useTracesView, withArrived } from "./store";
import { TraceList, type ListHandle } from "./TraceList";
import { tailQuestion, useTail } from "./useTail";
import css from "./TracesPage.module.css";

const route = getRouteApi("/traces");
const noFilters: string[] = [];

/** The trace list: what happened when, narrowed until the interesting row is in sight. */
export function TracesPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/traces" });
  // Not the whole store: it also holds the scroll position, and the page must not follow that.
  const { now, tail, tailError, question, arrived, settled, waiting, skipped } = useTracesView(
    useShallow((s) => ({
      now: s.now,
      tail: s.tail,
      tailError: s.tailError,
      question: s.question,
      arrived: s.arrived,
      settled: s.settled,
      waiting: s.waiting.length,
      skipped: s.skipped,
    })),
  );
  const { set, letIn } = useTracesView.getState();
  const [facetsOpen, setFacetsOpen] = useState(false);
  const searchBox = useRef<HTMLInputElement>(null);
  const filterBox = useRef<HTMLInputElement>(null);
  const list = useRef<ListHandle>(null);

  const filter = search.filter ?? noFilters;
  const asked: TraceQuery = { ...resolveRange(search, now), project: search.project, filter, query: search.query };
  const traces = useInfiniteQuery(tracesQuery(asked));
  const facets = useQuery(facetsQuery(asked));
  const histogram = useQuery(histogramQuery(asked));

  const listed = traces.data?.pages.flatMap((p) => p.rows) ?? [];
  // The tail follows the present, knows no words, and comes before the signals: what asks for those goes without it.
  const canFollow = !search.query && !(search.from && search.to) && !filter.some((f) => f.startsWith(signalField));
  const live = search.tail === "on" && canFollow;
  const asking = tailQuestion(search.project, filter);
  useTail(
    live,
    asking,
    () => list.current?.isReading() ?? false,
    () => new Set(listed.map((r) => r.id)),
  );
  const isCurrent = live && question === asking;
  const rows = withArrived(listed, isCurrent ? arrived : []);
  const shown = traces.isPlaceholderData ? withArrived(rows, settled) : rows;

  // External system: the store, which leads back here from a trace.
  useEffect(() => set({ search }), [set, search]);

  // A new question starts at the top, with the end of a relative range at this moment.
  const change = (patch: Partial<Search>) => {
    useTracesView.getState().refresh();
    set({ cursor: "", scrollTop: 0 });
    list.current?.toTop();
    void navigate({ search: (old) => ({ ...old, ...patch }) });
  };
  const add = (f: Filter) => change({ filter: addFilter(filter, f) });
  const remove = (text: string) => change({ filter: removeFilter(filter, text) });
  const widen = () => change({ filter: undefined, query: undefined, show: undefined });
  const toggleTail = () => {
    const isOn = search.tail === "on";
    if (isOn) {
      // What came live is in the list now; the next tail begins anew.
      useTracesView.getState().refresh();
      set({ lastEventId: "" });
    }
    void navigate({ search: (old) => ({ ...old, tail: isOn ? undefined : "on", show: undefined }), replace: true });
  };
  const refresh = () => change({});

  useCommands([
    { id: "search", title: "Search in contents", group: "Traces", keys: ["/"], run: () => searchBox.current?.focus() },
    { id: "filter", title: "Add a filter", group: "Traces", keys: ["f"], run: () => filterBox.current?.focus() },
    { id: "errors", title: "Only traces with errors", group: "Traces", keys: ["e"], run: () => add({ field: "status", op: "=", value: "error" }) },
    { id: "clear", title: "Remove all filters", group: "Traces", keys: ["x"], run: widen },
    { id: "tail", title: "Follow live", group: "Traces", keys: ["l"], run: toggleTail },
    // In the place of the shell's: here it also moves the end of the range to this moment.
    { id: "reload", title: "Ask the server again", group: "General", keys: ["r"], run: refresh },
  ]);

  const sidebar = <Facets facets={facets.data} failed={facets.isError} filters={filter} onAdd={add} onRemove={remove} />;
  const narrowed = filter.length > 0 || Boolean(search.query);
  const showHits = search.show === "hits" && Boolean(search.query);
  return (
    <div className={css.page}>
      <h1 className="srOnly">Traces</h1>
      <div className={css.toolbar}>
        <SearchBox
          ref={searchBox}
          value={search.query ?? ""}
          onSubmit={(query) => change({ query: query || undefined, show: query ? search.show : undefined })}
        />
        <FilterBar ref={filterBox} asked={asked} filters={filter} onAdd={add} onRemove={remove} />
        <div className={css.right}>
          <span className={css.narrowOnly}>
            <Button onPress={() => setFacetsOpen(true)}>
              <SlidersHorizontal size={14} aria-hidden /> Narrow
            </Button>
          </span>
          <RangePicker search={search} range={asked} onChange={change} />
          <Button className={`${css.live} ${live ? css.liveOn : ""}`} aria-pressed={live} isDisabled={!canFollow} onPress={toggleTail}>
            <Radio size={14} aria-hidden /> Live
          </Button>
          <IconButton label="Refresh" hotkey="r" onPress={refresh}>
            <RotateCw size={15} aria-hidden />
          </IconButton>
        </div>
      </div>
      <aside className={css.side} aria-label="Facets">
        {sidebar}
      </aside>
      <section className={css.content} aria-label="Results">
        <Histogram
          data={histogram.data}
          range={asked}
          onSelect={(from, to) => change({ range: undefined, from: new Date(from).toISOString(), to: new Date(to).toISOString() })}
        />
        {search.query ? (
          <div className={css.switch}>
            <Segmented
              label="Show"
              value={showHits ? "hits" : "traces"}
              options={[
                { id: "traces", label: "Traces" },
                { id: "hits", label: "Passages" },
              ]}
              onChange={(id) => void navigate({ search: (old) => ({ ...old, show: id === "hits" ? "hits" : undefined }), replace: true })}
            />
            <span>
              {showHits ? "Passages with" : "Traces with a message that holds"} <q>{search.query}</q>
            </span>
          </div>
        ) : null}
        <TailBar
          // While the list itself cannot be read, it says so in its place, and once is enough.
          tail={live && !(traces.isError && traces.data === undefined) ? tail : "off"}
          error={tailError}
          waiting={waiting}
          skipped={skipped}
          onLetIn={() => {
            letIn();
            list.current?.toTop();
          }}
        />
        {showHits ? (
          <Hits asked={asked} />
        ) : traces.isPending ? (
          <Skeleton lines={14} label="Loading traces" />
        ) : traces.data === undefined ? (
          <ErrorState title="The traces could not be read" error={traces.error as ApiError} onRetry={() => void traces.refetch()}>
            {(traces.error as ApiError).status === 400 && narrowed ? <Button onPress={widen}>Remove all conditions</Button> : null}
          </ErrorState>
        ) : shown.length === 0 ? (
          narrowed ? (
            <EmptyState title="No trace matches">
              <p>Nothing in this stretch of time passes {plural(filter.length + (search.query ? 1 : 0), "condition")}.</p>
              <Button onPress={widen}>Remove all conditions</Button>
            </EmptyState>
          ) : (
            <Nothing project={search.project} range={asked} onRange={(range) => change({ range, from: undefined, to: undefined })} />
          )
        ) : (
          <TraceList
            ref={list}
            rows={shown}
            total={traces.hasNextPage ? -1 : shown.length}
            isStale={traces.isPlaceholderData}
            isFetchingMore={traces.isFetchingNextPage}
            onEnd={() => {
              if (traces.hasNextPage && !traces.isFetchingNextPage && !traces.isError) void traces.fetchNextPage();
            }}
          />
        )}
        {showHits ? null : traces.isFetchNextPageError ? (
          <Stale title="The next page could not be read" error={traces.error} onRetry={() => void traces.fetchNextPage()} />
        ) : traces.isError && traces.data !== undefined ? (
          <Stale error={traces.error} onRetry={() => void traces.refetch()} />
        ) : null}
      </section>
      <Dialog title="Narrow the list" isOpen={facetsOpen} onClose={() => setFacetsOpen(false)} side>
        {sidebar}
      </Dialog>
    </div>
  );
}

interface TailBarProps {
  tail: "off" | "connecting" | "live" | "broken";
  error: string;
  waiting: number;
  skipped: number;
  onLetIn: () => void;
}

function TailBar({ tail, error, waiting, skipped, onLetIn }: TailBarProps) {
  if (tail === "off") return null;
  return (
    <div className={css.tail} data-state={tail}>
      <span className={css.pulse} aria-hidden />
      <span role="status">
        {tail === "live" ? "Live: new traces come in on top." : tail === "connecting" ? "Connecting…" : `${error} Trying again.`}
        {skipped > 0 ? ` ${plural(skipped, "trace")} left out, this page was too slow.` : ""}
      </span>
      {waiting > 0 ? (
        <Button look="primary" className={css.letIn} onPress={onLetIn}>
          {plural(waiting, "new trace")}
        </Button>
      ) : null}
    </div>
  );
}
