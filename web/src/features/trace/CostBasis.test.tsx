import { render, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { CostBasis } from "./CostBasis";

const book = {
  amount: "0.00001995",
  currency: "USD",
  source: "tiltmeter 2026-11-20",
  parts: [
    { tier: "input", count: "25", amount: "0.00000375" },
    { tier: "cache_read", count: "32", amount: "0.0000024" },
    { tier: "output", count: "23", amount: "0.0000138" },
  ],
};

test("a book's cost names the book, what was paid for what, and what the sender says", () => {
  render(<CostBasis cost={{ ...book, reportedAmount: "0.00002235", reportedCurrency: "USD" }} />);
  screen.getByText("prices: tiltmeter 2026-11-20");
  const rows = within(screen.getByRole("table", { name: "What was paid for what", hidden: true })).getAllByRole("row", { hidden: true });
  expect(rows.map((row) => [...row.children].map((cell) => cell.textContent))).toEqual([
    ["input", "25 × $0.15 / million", "$0.00000375"],
    ["read from cache", "32 × $0.075 / million", "$0.0000024"],
    ["output", "23 × $0.6 / million", "$0.0000138"],
    ["together", "$0.00001995"],
    ["the sender says", "$0.00002235"],
  ]);
});

test("a sender that said nothing is not quoted", () => {
  render(<CostBasis cost={book} />);
  expect(screen.queryByText("the sender says")).toBeNull();
});

test.each([
  [{ unknown: "unknown_model" }, "The cost is unknown because the price book does not have this model. Give the model a price of your own with --prices."],
  [
    { amount: "0.25", currency: "EUR", source: "reported", reportedAmount: "0.25", reportedCurrency: "EUR", unknown: "unknown_provider" },
    "The cost is the sender’s own: €0.25.The price book gives none because the price book has nothing of this provider. Give the model a price of your own with --prices.",
  ],
  [{ amount: "0.25", currency: "USD", source: "reported", reportedAmount: "0.25", reportedCurrency: "USD" }, "The cost is the sender’s own: $0.25."],
  [{}, ""],
  [undefined, ""],
])("%j is said in words", (cost, text) => {
  expect(render(<CostBasis cost={cost} />).container.textContent).toBe(text);
});
