import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { WireReading } from "../../api/types";
import { Reading } from "./Reading";

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => {
  server.resetHandlers();
  cleanup();
});
afterAll(() => server.close());

function show(answer: WireReading | number): void {
  server.use(
    http.get("*/v1/traces/t/spans/s/reading", () =>
      typeof answer === "number"
        ? HttpResponse.json({ code: 5, message: "span t/s is stored without what was sent" }, { status: answer })
        : HttpResponse.json(answer),
    ),
  );
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <Reading traceId="t" spanId="s" project={undefined} isStale={false} />
    </QueryClientProvider>,
  );
}

const filled = (n: number) => Array.from({ length: n }, (_, i) => ({ key: `k${i}`, outcome: "filled", fields: ["input_messages"], value: `v${i}` }));

describe("how a span was read", () => {
  test("waits, then names the dialects in their order, and contradictions before all that filled the field", async () => {
    show({
      dialects: [{ name: "openinference" }, { name: "otel-genai", version: "1.37" }],
      sources: [...filled(9), { key: "other", outcome: "conflict", fields: ["input_messages"], logRecord: 0, event: "gen_ai.user.message" }],
    });
    screen.getByRole("status", { name: "Loading how the span was read" });
    const chain = await screen.findByRole("list", { name: /Dialects/ });
    expect(
      within(chain)
        .getAllByRole("listitem")
        .map((li) => li.textContent),
    ).toEqual(["openinference ", "otel-genai 1.37"]);
    const keys = () => [...screen.getByRole("list", { name: /Fields/ }).querySelectorAll("p code")].map((c) => c.textContent);
    expect(keys()).toEqual(["k0", "gen_ai.user.message / other", "k1", "k2"]);
    screen.getByText("says otherwise");
    screen.getByText("log record 1");
    fireEvent.click(screen.getByRole("button", { name: "Show 6 more" }));
    expect(keys()).toHaveLength(10);
  });

  test("few lines need no search, and what is stored otherwise is named with the way out", async () => {
    show({ dialects: [{ name: "a" }], sources: filled(2), differingFields: ["usage.input_tokens"], truncated: true });
    await screen.findByText("usage.input_tokens");
    screen.getByText("tiltmeter reread");
    screen.getByText(/more than the server tells at once/);
    expect(screen.queryByRole("searchbox")).toBeNull();
  });

  test("a value that a dialect could not read is told from one that nobody knows", async () => {
    show({
      sources: [
        { key: "gen_ai.usage.input_tokens", dialect: "otel-genai", outcome: "ignored", value: "many" },
        { key: "gen_ai.usage.total_tokens", dialect: "otel-genai", outcome: "repeated", value: "3" },
        { key: "mine", outcome: "ignored", value: "x" },
      ],
    });
    const unread = await screen.findByRole("list", { name: /no field was read/ });
    expect(
      within(unread)
        .getAllByRole("listitem")
        .map((li) => li.textContent?.includes("otel-genai could not read it")),
    ).toEqual([true, false, false]);
  });

  test("the search keeps what it finds, and says when that is nothing", async () => {
    show({ sources: [...filled(12), { key: "mine", outcome: "ignored", value: "x" }] });
    const box = await screen.findByRole("searchbox");
    screen.getByText(/No dialect knows this span/);
    fireEvent.change(box, { target: { value: "mine" } });
    expect(await screen.findByText("mine")).toBeTruthy();
    expect(screen.queryByRole("list", { name: /Fields/ })).toBeNull();
    fireEvent.change(box, { target: { value: "no such thing" } });
    await screen.findByText("Nothing matches.");
  });

  test("says when there was nothing to read, and when it cannot be told", async () => {
    show({ sources: [] });
    await screen.findByText("The span has no attributes");
    cleanup();
    show(404);
    await screen.findByText("span t/s is stored without what was sent");
    screen.getByRole("button", { name: "Try again" });
  });
});
