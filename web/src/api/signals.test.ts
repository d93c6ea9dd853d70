import { QueryClient } from "@tanstack/react-query";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { breakdownQuery, catalogQuery, seriesQuery, traceSignalsQuery, wordsBySpan } from "./signals";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const queries = () => new QueryClient({ defaultOptions: { queries: { retry: false } } });
const asked = { fromMs: 0, toMs: 60_000, project: "shop", filter: ["model = a b"] };
const rate = { found: "1", share: 0.25, low: 0.05, high: 0.7 };

test("the catalog is a list of signals, each with its analyzer", async () => {
  const analyzers = [
    {
      name: "refusal",
      version: 3,
      signals: [{ name: "refusal", meaning: "It refuses.", unit: "1", labels: ["full"], detects: true }, { name: "refusal.full" }],
    },
  ];
  server.use(http.get("*/v1/signals/catalog", () => HttpResponse.json({ analyzers, scoring: true })));
  expect(await queries().fetchQuery(catalogQuery())).toEqual({
    isScoring: true,
    signals: [
      { name: "refusal", meaning: "It refuses.", unit: "1", labels: ["full"], detects: true, analyzer: "refusal 3" },
      { name: "refusal.full", meaning: "", unit: "", labels: [], detects: false, analyzer: "refusal 3" },
    ],
  });
});

test("a series asks for all signals of the time, and a fact has no rate", async () => {
  let seen: URL | undefined;
  const step = { startTime: "1970-01-01T00:00:30Z", spans: "4", meanScore: -1, deviation: 2, labels: [{ label: "full", spans: "3" }] };
  server.use(
    http.get("*/v1/signals/series", ({ request }) => {
      seen = new URL(request.url);
      return HttpResponse.json({ step: "30s", series: [{ signal: "refusal", total: { spans: "9", rate }, steps: [step] }] });
    }),
  );
  const { stepMs, signals } = await queries().fetchQuery(seriesQuery(asked));
  expect(Object.fromEntries(seen!.searchParams)).toEqual({
    project: "shop",
    startTime: "1970-01-01T00:00:00.000Z",
    endTime: "1970-01-01T00:01:00.000Z",
    filter: "model = a b",
  });
  expect(stepMs).toBe(30_000);
  expect(signals.get("refusal")?.total.rate).toEqual({ found: 1, share: 0.25, low: 0.05, high: 0.7 });
  expect(signals.get("refusal")?.steps).toEqual([
    { startMs: 30_000, value: "", spans: 4, rate: undefined, mean: -1, deviation: 2, labels: [{ label: "full", spans: 3 }] },
  ]);
});

test("a breakdown asks for one signal by one field", async () => {
  let seen: URL | undefined;
  server.use(
    http.get("*/v1/signals/breakdown", ({ request }) => {
      seen = new URL(request.url);
      return HttpResponse.json({ breakdowns: [{ signal: "refusal", values: [{ value: "gpt", spans: "4", rate }] }], truncated: true });
    }),
  );
  const { values, isTruncated } = await queries().fetchQuery(breakdownQuery(asked, "refusal", "model"));
  expect([seen!.searchParams.get("signal"), seen!.searchParams.get("by")]).toEqual(["refusal", "model"]);
  expect([values[0]?.value, values[0]?.rate?.found, isTruncated]).toEqual(["gpt", 1, true]);
});

test("the signals of a trace become words by span, each once, where something was found", async () => {
  const signal = (spanId: string, name: string, probability: number) => ({ spanId, name, probability });
  const signals = [
    signal("a", "refusal", 0.9),
    signal("a", "refusal.full", 0.8),
    signal("a", "grounding", 0.5),
    signal("b", "grounding", 0.49),
    signal("c", "behaviour.length", 0),
  ];
  server.use(http.get("*/v1/traces/0af7/signals", () => HttpResponse.json({ signals, truncated: false })));
  const answer = await queries().fetchQuery(traceSignalsQuery("0af7"));
  expect([...wordsBySpan(answer.signals)]).toEqual([["a", ["refusal", "unsupported"]]]);
});
