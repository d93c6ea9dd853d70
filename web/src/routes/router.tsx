import { createRootRoute, createRoute, createRouter, Link, redirect } from "@tanstack/react-router";
import { Shell } from "../features/shell";
import { TracesPage } from "../features/traces";
import { parseInstant, presets, type PresetId } from "../lib/time";
import { ErrorState } from "../ui/State";
import { lazyPage } from "./lazyPage";
import { oneOf, parseSearch, stringifySearch, text } from "./search";

const rootRoute = createRootRoute({
  component: Shell,
  validateSearch: (search: Record<string, unknown>): { project?: string } => ({ project: text(search.project) }),
  notFoundComponent: () => (
    <ErrorState isPage title="There is no such page" error={{ message: "The address leads nowhere." }}>
      <Link to="/traces">To the traces</Link>
    </ErrorState>
  ),
});

const homeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  beforeLoad: ({ location }) => {
    // What stands in the address is asked of the list, which checks it.
    throw redirect({ to: "/traces", search: location.search, replace: true });
  },
});

interface RangeSearch {
  range?: PresetId;
  /** RFC 3339; both or none. */
  from?: string;
  to?: string;
}

function rangeOf(search: Record<string, unknown>): RangeSearch {
  const from = text(search.from);
  const to = text(search.to);
  const absolute = parseInstant(from) && parseInstant(to);
  return {
    range: oneOf(
      search.range,
      presets.map((p) => p.id),
    ),
    from: absolute ? from : undefined,
    to: absolute ? to : undefined,
  };
}

const filtersOf = (search: Record<string, unknown>): string[] | undefined =>
  Array.isArray(search.filter) ? search.filter.filter((f) => typeof f === "string") : undefined;

interface TracesSearch extends RangeSearch {
  filter?: string[];
  query?: string;
  /** Traces that match, or the passages that do. */
  show?: "hits";
  tail?: "on";
}

const tracesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/traces",
  component: TracesPage,
  validateSearch: (search: Record<string, unknown>): TracesSearch => ({
    ...rangeOf(search),
    filter: filtersOf(search),
    query: text(search.query),
    show: oneOf(search.show, ["hits"]),
    tail: oneOf(search.tail, ["on"]),
  }),
});

const spanTabs = ["conversation", "messages", "attributes", "events", "tool", "retrieval", "signals", "reading", "raw"] as const;

interface TraceSearch {
  span?: string;
  tab?: (typeof spanTabs)[number];
  /** A model call of the conversation that is read; without it the one that the server puts first. */
  thread?: string;
  /** On wide windows: the conversation alone. On narrow ones: which of the panes is seen. */
  view?: "timeline" | "read";
}

const traceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/traces/$traceId",
  component: lazyPage(() => import("../features/trace"), "TracePage"),
  validateSearch: (search: Record<string, unknown>): TraceSearch => ({
    span: text(search.span),
    tab: oneOf(search.tab, spanTabs),
    thread: text(search.thread),
    view: oneOf(search.view, ["timeline", "read"]),
  }),
});

const ingestRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/ingest",
  component: lazyPage(() => import("../features/ingest"), "IngestPage"),
});

interface InstrumentationSearch extends RangeSearch {
  /** Which finding is open, of which instrumentation: its scope as name@version. Without a scope, of all of the service. */
  service?: string;
  scope?: string;
  finding?: string;
}

const instrumentationRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/instrumentation",
  component: lazyPage(() => import("../features/instrumentation"), "InstrumentationPage"),
  validateSearch: (search: Record<string, unknown>): InstrumentationSearch => ({
    ...rangeOf(search),
    service: text(search.service),
    scope: text(search.scope),
    finding: text(search.finding),
  }),
});

const breakdownFields = ["service", "model", "prompt.version", "agent", "environment", "label"] as const;

interface SignalsSearch extends RangeSearch {
  filter?: string[];
  /** The one that is looked at; without it the first that has something to show. */
  signal?: string;
  by?: (typeof breakdownFields)[number];
}

const signalsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/signals",
  component: lazyPage(() => import("../features/signals"), "SignalsPage"),
  validateSearch: (search: Record<string, unknown>): SignalsSearch => ({
    ...rangeOf(search),
    filter: filtersOf(search),
    signal: text(search.signal),
    by: oneOf(search.by, breakdownFields),
  }),
});

export const router = createRouter({
  routeTree: rootRoute.addChildren([homeRoute, tracesRoute, traceRoute, signalsRoute, ingestRoute, instrumentationRoute]),
  parseSearch,
  stringifySearch,
  defaultPreload: false,
  scrollRestoration: false,
  defaultErrorComponent: ({ error }) => (
    <ErrorState
      isPage
      title="This page failed"
      error={{ message: error instanceof Error ? error.message : String(error) }}
      onRetry={() => globalThis.location.reload()}
    />
  ),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
