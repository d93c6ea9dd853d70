import { createMemoryHistory, createRootRoute, createRoute, createRouter, RouterProvider } from "@tanstack/react-router";
import { render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { toTraceRow } from "../../api/traces";
import type { WireTraceSummary } from "../../api/types";
import { Row } from "./Row";

async function costOf(wire: WireTraceSummary): Promise<HTMLElement> {
  const row = toTraceRow({ traceId: "t", rootName: "chat", models: ["gpt-4o"], ...wire });
  const root = createRootRoute({ component: () => <Row row={row} zone="utc" longestNs={1} /> });
  const routeTree = root.addChildren([createRoute({ getParentRoute: () => root, path: "/traces/$traceId" })]);
  render(<RouterProvider router={createRouter({ routeTree, history: createMemoryHistory({ initialEntries: ["/"] }) }) as never} />);
  return (await screen.findAllByRole("gridcell"))[6]!;
}

const cost = { amount: "0.000075", currency: "USD" };

test("a sum that lacks a call is not shown as the whole", async () => {
  const cell = await costOf({ cost, unpricedCount: "1" });
  expect(cell.querySelector("[aria-hidden]")?.textContent).toBe("≥ $0.000075");
  expect(cell.querySelector(".srOnly")?.textContent).toBe("At least 0.000075 USD: 1 span has no known cost and is not in the sum");
  expect(cell.title).toBe("At least 0.000075 USD: 1 span has no known cost and is not in the sum");
});

test("a whole sum has no mark", async () => {
  expect((await costOf({ cost, unpricedCount: "0" })).textContent).toBe("$0.000075");
});

test("where nothing is priced the cost is unknown", async () => {
  const cell = await costOf({ unpricedCount: "2" });
  expect(cell.querySelector("[aria-hidden]")?.textContent).toBe("unknown");
  expect(cell.title).toBe("The cost is not known: 2 spans have no known cost");
});
