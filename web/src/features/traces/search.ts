import type { getRouteApi } from "@tanstack/react-router";

/** What the address says of the list. */
export type Search = ReturnType<ReturnType<typeof getRouteApi<"/traces">>["useSearch"]>;
