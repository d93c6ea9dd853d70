import { QueryClient } from "@tanstack/react-query";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ApiError } from "./error";
import { signIn, signOut } from "./session";
import { EventSplitter, tailTraces, type TailEvent } from "./tail";
import { conversationQuery, toTraceRow, traceTreeQuery, tracesQuery } from "./traces";
import type { WireTraceSummary } from "./types";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
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
  test("asks with repeated filters", async () => {
    let seen: Request | undefined;
    server.use(
      http.get("*/v1/traces", ({ request }) => {
        seen = request;
        return HttpResponse.json({ traces: [summary], nextPageToken: "" });
      }),
    );
    const { pages } = await queries().fetchInfiniteQuery(tracesQuery(asked));
    const params = new URL(seen!.url).searchParams;
    expect(params.getAll("filter")).toEqual(asked.filter);
    expect(params.get("query")).toBe("words & more");
    expect(params.get("startTime")).toBe("1970-01-01T00:00:00.000Z");
    expect(pages[0]?.rows[0]?.id).toBe("0af7");
  });

  test("turns google.rpc.Status into an error with request id and fields", async () => {
    const details = [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field: "filter[0]", description: "no such field" }] }];
    server.use(
      http.get("*/v1/traces/*", () => HttpResponse.json({ code: 3, message: "bad filter", details }, { status: 400, headers: { "X-Request-Id": "r1" } })),
    );
    const error = await queries()
      .fetchQuery(traceTreeQuery("0af7"))
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
    await expect(queries().fetchQuery(traceTreeQuery("a"))).rejects.toMatchObject({ message: "Bad Gateway", isTransient: true });
    server.use(http.get("*/v1/traces/*", () => HttpResponse.error()));
    await expect(queries().fetchQuery(traceTreeQuery("b"))).rejects.toMatchObject({ status: 0, isTransient: true });
  });
});

test("only an unknown key is asked for another; a key that may not do this is told so", async () => {
  for (const [status, isUnauthorized, isForbidden] of [
    [401, true, false],
    [403, false, true],
    [404, false, false],
  ] as const) {
    server.use(http.get("*/v1/traces/*", () => HttpResponse.json({ message: "no" }, { status })));
    const error = await queries()
      .fetchQuery(traceTreeQuery(`a${status}`))
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ isUnauthorized, isForbidden });
  }
});

test("a key is traded for a session and kept nowhere", async () => {
  const asked: string[] = [];
  server.use(
    http.post("*/v1/session", async ({ request }) => {
      const { key } = (await request.json()) as { key: string };
      asked.push(key);
      return key === "tm_good" ? HttpResponse.json({ authenticated: true }) : HttpResponse.json({ message: "not known here" }, { status: 401 });
    }),
    http.delete("*/v1/session", () => new HttpResponse(null, { status: 204 })),
  );
  await signIn("tm_good");
  await expect(signIn("tm_bad")).rejects.toMatchObject({ message: "not known here", isUnauthorized: true });
  await signOut();
  expect(asked).toEqual(["tm_good", "tm_bad"]);
  expect(sessionStorage.length + localStorage.length).toBe(0);
});

test("a conversation comes with its threads, and says what is missing", async () => {
  let thread: string | null = null;
  server.use(
    http.get("*/v1/traces/*/conversation", ({ request }) => {
      thread = new URL(request.url).searchParams.get("spanId");
      return HttpResponse.json({ turns: [{ spanId: "b", history: true }], threads: [{ spanId: "b" }, { spanId: "a" }], truncated: true });
    }),
  );
  const { turns, threads, truncated } = await queries().fetchQuery(conversationQuery("0af7", undefined, "b"));
  expect(thread).toBe("b");
  expect(turns).toEqual([{ spanId: "b", history: true }]);
  expect(threads.map((t) => t.spanId)).toEqual(["b", "a"]);
  expect(truncated).toBe(true);
  server.use(http.get("*/v1/traces/*/conversation", () => HttpResponse.json({})));
  expect(await queries().fetchQuery(conversationQuery("0af8"))).toEqual({ turns: [], threads: [], truncated: false });
});

test("models that talk come before those that embed", () => {
  expect(toTraceRow({ models: ["text-embedding-3-small", "claude-sonnet-4-5", "voyage-3", "gpt-4.1"] }).models).toEqual([
    "claude-sonnet-4-5",
    "gpt-4.1",
    "text-embedding-3-small",
    "voyage-3",
  ]);
});

test("a row keeps what is unknown unknown", () => {
  const row = toTraceRow(summary);
  expect(row).toMatchObject({ durationNs: 1.5e9, spans: 3, tokens: { input: 9_007_199_254_740_991, output: undefined }, cost: undefined });
  expect(toTraceRow({ cost: { amount: "", currency: "USD" } }).cost).toBeUndefined();
});

describe("the live tail", () => {
  test("events come whole however the stream is cut", () => {
    const stream = ': hello\r\n\r\ndata: {"a":1}\n\nevent: x\nid: 0f\ndata: one\ndata:two\n\ndata: three\n\nid: 10\ndata: rest';
    for (const size of [1, 2, 3, 7, stream.length]) {
      const splitter = new EventSplitter();
      const events: unknown[] = [];
      for (let i = 0; i < stream.length; i += size) events.push(...splitter.push(stream.slice(i, i + size)));
      expect(events).toEqual([
        { id: "", data: '{"a":1}' },
        { id: "0f", data: "one\ntwo" },
        { id: "0f", data: "three" },
      ]);
    }
  });

  test("a line without an end is refused", () => {
    const splitter = new EventSplitter();
    expect(() => {
      for (let i = 0; i < 9; i++) splitter.push("x".repeat(512 * 1024));
    }).toThrow("without an end");
  });

  const follow = async (lastEventId: string) => {
    const events: TailEvent[] = [];
    const end = tailTraces(
      { project: undefined, filter: [], lastEventId },
      new AbortController().signal,
      () => {},
      (e) => events.push(e),
    );
    await expect(end).rejects.toThrow("the engine is restarting");
    return events;
  };

  test("goes on where it broke off, and reads wrapped and plain messages and an error inside", async () => {
    const lines = [{ result: { trace: summary, skipped: "0" } }, { trace: { traceId: "b" }, skipped: "4" }, { error: { message: "the engine is restarting" } }];
    const text = lines.map((l, i) => `id: ${i}\ndata: ${JSON.stringify(l)}\n\n`).join("");
    const resumed: (string | null)[] = [];
    server.use(
      http.get("*/v1/traces*", ({ request }) => {
        resumed.push(request.headers.get("last-event-id"));
        return new HttpResponse(text, { headers: { "Content-Type": "text/event-stream" } });
      }),
    );
    const events = await follow("");
    expect(events.map((e) => [e.id, e.row?.id, e.skipped])).toEqual([
      ["0", "0af7", 0],
      ["1", "b", 4],
    ]);
    await follow(events.at(-1)!.id);
    expect(resumed).toEqual([null, "1"]);
  });
});
