import type { Cost } from "../../api/types";
import { exactMoney } from "../../lib/format";
import { linesOf, reasonOf } from "./layout/cost";
import css from "./CostBasis.module.css";

/** Whose price a cost is, what was paid for which tokens, what the sender said, and why it is unknown. */
export function CostBasis({ cost }: { cost: Cost | undefined }) {
  if (!cost?.amount && !cost?.unknown) return null;
  return (
    <div className={css.basis}>
      {!cost.amount ? null : cost.source === "reported" ? (
        <p>The cost is the sender’s own: {exactMoney(cost.amount, cost.currency)}.</p>
      ) : (
        <BookCost cost={cost} />
      )}
      {cost.unknown ? <Reason code={cost.unknown} start={cost.amount ? "The price book gives none" : "The cost is unknown"} /> : null}
    </div>
  );
}

/** In the open, not folded: it is the question that somebody came with. */
function Reason({ code, start }: { code: string; start: string }) {
  const { why, todo } = reasonOf(code);
  return (
    <p>
      {start} because {why}. <span className={css.aside}>{todo}</span>
    </p>
  );
}

function BookCost({ cost }: { cost: Cost }) {
  return (
    <details>
      <summary>
        How the cost came about <span className={css.aside}>prices: {cost.source || "the price book"}</span>
      </summary>
      <table className={css.lines} aria-label="What was paid for what">
        <tbody>
          {linesOf(cost).map((line) => (
            <tr key={line.name}>
              <th scope="row">{line.name}</th>
              <td className={css.sum}>{line.sum}</td>
              <td>{line.amount}</td>
            </tr>
          ))}
          <tr className={css.total}>
            <th scope="row" colSpan={2}>
              together
            </th>
            <td>{exactMoney(cost.amount ?? "", cost.currency)}</td>
          </tr>
          {cost.reportedAmount ? (
            <tr>
              <th scope="row" colSpan={2}>
                the sender says
              </th>
              <td>{exactMoney(cost.reportedAmount, cost.reportedCurrency)}</td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </details>
  );
}
