import { QueryClient } from "@tanstack/react-query";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ApiError } from "./error";
import { useApiKey } from "./key";
import { EventSplitter, tailTraces, type TailEvent } from "./tail";
import { toTraceRow, traceQuery, tracesQuery } from "./traces";
import type { WireTraceSummary } from "./types";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => {
  server.resetHandlers();
  useApiKey.getState().forget();
});
afterAll(() => server.close());

const queries = () => new QueryClient({ defaultOptions: { queries: { retry: false } } });
const asked = { fromMs: 0, toMs: 1000, project: undefined, filter: ["model = a b", "status = error"], query: "words & more" };
const summary: WireTraceSummary = {
  traceId: "0af7",
  startTime: "2026-11-24T10:00:00.000000001Z",
  duration: "1.5s",
  spanCount: "3",
  usage: { inputTokens: "9007199254740991" },
};

describe("the client", () => {
  test("asks with repeated filters and the key", async () => {
    let seen: Request | undefined;
    server.use(
      http.get("*/v1/traces", ({ request }) => {
        seen = request;
        return HttpResponse.json({ traces: [summary], nextPageToken: "" });
      }),
    );
    useApiKey.getState().set("tm_key", false);
    const { pages } = await queries().fetchInfiniteQuery(tracesQuery(asked));
    const params = new URL(seen!.url).searchParams;
    expect(params.getAll("filter")).toEqual(asked.filter);
    expect(params.get("query")).toBe("words & more");
    expect(params.get("startTime")).toBe("1970-01-01T00:00:00.000Z");
    expect(seen!.headers.get("authorization")).toBe("Bearer tm_key");
    expect(pages[0]?.rows[0]?.id).toBe("0af7");
  });

  test("turns google.rpc.Status into an error with request id and fields", async () => {
    const details = [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field: "filter[0]", description: "no such field" }] }];
    server.use(
      http.get("*/v1/traces/*", () => HttpResponse.json({ code: 3, message: "bad filter", details }, { status: 400, headers: { "X-Request-Id": "r1" } })),
    );
    const error = await queries()
      .fetchQuery(traceQuery("0af7"))
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      message: "bad filter",
      status: 400,
      requestId: "r1",
      fields: [{ field: "filter[0]", description: "no such field" }],
      isTransient: false,
    });
  });

  test("says what a proxy's page cannot say, and what no answer means", async () => {
    server.use(http.get("*/v1/traces/*", () => new HttpResponse("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" })));
    await expect(queries().fetchQuery(traceQuery("a"))).rejects.toMatchObject({ message: "Bad Gateway", isTransient: true });
    server.use(http.get("*/v1/traces/*", () => HttpResponse.error()));
    await expect(queries().fetchQuery(traceQuery("b"))).rejects.toMatchObject({ status: 0, isTransient: true });
  });
});

test("a row keeps what is unknown unknown", () => {
  const row = toTraceRow(summary);
  expect(row).toMatchObject({ durationNs: 1.5e9, spans: 3, tokens: { input: 9_007_199_254_740_991, output: undefined }, cost: undefined });
  expect(toTraceRow({ cost: { amount: "", currency: "USD" } }).cost).toBeUndefined();
});

describe("the live tail", () => {
  test("events come whole however the stream is cut", () => {
    const stream = ': hello\r\n\r\ndata: {"a":1}\n\nevent: x\ndata: one\ndata: two\n\ndata: rest';
    for (const size of [1, 2, 3, 7, stream.length]) {
      const splitter = new EventSplitter();
      const events: string[] = [];
      for (let i = 0; i < stream.length; i += size) events.push(...splitter.push(stream.slice(i, i + size)));
      expect(events).toEqual(['{"a":1}', "one\ntwo"]);
    }
  });

  test("a line without an end is refused", () => {
    const splitter = new EventSplitter();
    expect(() => {
      for (let i = 0; i < 9; i++) splitter.push("x".repeat(512 * 1024));
    }).toThrow("without an end");
  });

  test("reads wrapped and plain messages, and an error inside the stream", async () => {
    const lines = [{ result: { trace: summary, skipped: "0" } }, { trace: { traceId: "b" }, skipped: "4" }, { error: { message: "the engine is restarting" } }];
    server.use(
      http.get(
        "*/v1/traces*",
        () => new HttpResponse(lines.map((l) => `data: ${JSON.stringify(l)}\n\n`).join(""), { headers: { "Content-Type": "text/event-stream" } }),
      ),
    );
    const events: TailEvent[] = [];
    const end = tailTraces(
      { project: undefined, filter: [] },
      new AbortController().signal,
      () => {},
      (e) => events.push(e),
    );
    await expect(end).rejects.toThrow("the engine is restarting");
    expect(events.map((e) => [e.row?.id, e.skipped])).toEqual([
      ["0af7", 0],
      ["b", 4],
    ]);
  });
});
