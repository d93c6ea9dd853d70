// Query options of the ingest page.
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { client, must } from "./client";
import { ApiError } from "./error";

/** The page is a gauge: it looks again every two seconds while it is in front. */
const refreshMs = 2_000;

const inProject = (project: string | undefined) => ({ query: project ? { project } : {} });

export function ingestStatusQuery(project: string | undefined) {
  return queryOptions({
    queryKey: ["ingest", "status", project ?? ""],
    queryFn: async ({ signal }) => must(await client.GET("/v1/ingest/status", { params: inProject(project), signal })),
    refetchInterval: refreshMs,
  });
}

export function storageStatusQuery(project: string | undefined) {
  return queryOptions({
    queryKey: ["ingest", "storage", project ?? ""],
    queryFn: async ({ signal }) => must(await client.GET("/v1/storage", { params: inProject(project), signal })),
    refetchInterval: 5 * refreshMs,
  });
}

export function deadLettersQuery() {
  return infiniteQueryOptions({
    queryKey: ["ingest", "dead-letters"],
    queryFn: async ({ pageParam, signal }) => {
      const query = { pageSize: 50, ...(pageParam ? { pageToken: pageParam } : {}) };
      const page = must(await client.GET("/v1/ingest/dead-letters", { params: { query }, signal }));
      return { letters: page.deadLetters ?? [], next: page.nextPageToken ?? "" };
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.next || undefined,
    // A key that may not list them will not be allowed to by asking again.
    refetchInterval: ({ state }) => (state.error instanceof ApiError && state.error.isForbidden ? false : 5 * refreshMs),
  });
}

/** Puts dead letters back at the end of the log; without ids, all of them. */
export async function replayDeadLetters(ids: string[]): Promise<number> {
  const answer = must(await client.POST("/v1/ingest/dead-letters:replay", { body: { ids } }));
  return Number(answer.replayed ?? 0);
}

export function projectsQuery() {
  return queryOptions({
    queryKey: ["projects"],
    queryFn: async ({ signal }) => must(await client.GET("/v1/projects", { signal })).projects ?? [],
    staleTime: 60_000,
  });
}
