import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ApiError } from "../../api/error";
import { breakdownQuery, type SignalInfo, type SignalQuery, type SignalSum } from "../../api/signals";
import { emptyValue } from "../../lib/filter";
import { formatCount } from "../../lib/format";
import type { PresetId } from "../../lib/time";
import { Segmented } from "../../ui/Button";
import { EmptyState, ErrorState, Skeleton } from "../../ui/State";
import { axisTop, breakdownFields, figureOf, filtersFor, sayFigure, sayInterval, type BreakdownField } from "./rates";
import css from "./Breakdown.module.css";

interface Props {
  info: SignalInfo;
  query: SignalQuery;
  by: BreakdownField;
  /** What the list of traces takes over from this page. */
  search: { project?: string | undefined; range?: PresetId | undefined; from?: string | undefined; to?: string | undefined };
  onBy: (by: BreakdownField) => void;
}

/** Where it is found most: each value with its rate, its interval, and the way to its traces. */
export function Breakdown({ info, query, by, search, onBy }: Props) {
  const answer = useQuery(breakdownQuery(query, info.name, by));
  const fields = breakdownFields.filter((f) => f.id !== "label" || info.labels.length > 0);
  return (
    <section className={css.breakdown} aria-label="Breakdown">
      <div className={css.fields}>
        <Segmented label="Broken down by" value={by} options={fields} onChange={onBy} />
      </div>
      {answer.isPending ? (
        <Skeleton lines={4} label="Loading the breakdown" />
      ) : answer.data === undefined ? (
        <ErrorState title="The breakdown could not be made" error={answer.error as ApiError} onRetry={() => void answer.refetch()} />
      ) : answer.data.values.length === 0 ? (
        <EmptyState title="Nothing was scored in this time" />
      ) : (
        <>
          <Rows values={answer.data.values} info={info} by={by} search={search} filter={query.filter} />
          {answer.data.isTruncated ? <p className={css.more}>There are more values than are summed up. A filter leaves fewer.</p> : null}
        </>
      )}
    </section>
  );
}

/** Values beyond these are better found by a filter. */
const mostRows = 50;

function Rows({ values, info, by, search, filter }: { values: readonly SignalSum[]; filter: readonly string[] } & Pick<Props, "info" | "by" | "search">) {
  const isShare = by === "label";
  const all = values.reduce((n, v) => n + v.spans, 0);
  const top = isShare ? all : axisTop(Math.max(...values.map((v) => figureOf(v).high)));
  const heading = breakdownFields.find((f) => f.id === by)!.label;
  return (
    <div className={css.scroll}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{heading}</th>
            {isShare ? null : <th scope="col">{info.detects ? "Rate, 95 % interval" : "Mean, spread"}</th>}
            <th scope="col" className={css.number}>
              Spans
            </th>
          </tr>
        </thead>
        <tbody>
          {values.slice(0, mostRows).map((v) => {
            const f = figureOf(v);
            return (
              <tr key={v.value}>
                <th scope="row" className={css.value}>
                  <Link to="/traces" search={{ ...search, filter: [...filter, ...filtersFor(info, by, v.value)] }}>
                    {v.value || emptyValue}
                  </Link>
                </th>
                {isShare ? null : (
                  <td className={css.rate}>
                    <b>{sayFigure(v, info.unit)}</b> <span className={css.interval}>{sayInterval(v)}</span>
                    <span className={css.track} aria-hidden>
                      <span className={css.band} style={{ insetInlineStart: pct(f.low, top), inlineSize: pct(f.high - Math.max(f.low, 0), top) }} />
                      <span className={css.point} style={{ insetInlineStart: pct(f.value, top) }} />
                    </span>
                  </td>
                )}
                <td className={css.number}>
                  {formatCount(v.spans)}
                  {isShare ? <span className={css.share} aria-hidden style={{ inlineSize: pct(v.spans, top) }} /> : null}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {values.length > mostRows ? <p className={css.more}>{formatCount(values.length - mostRows)} more values, each of fewer spans.</p> : null}
    </div>
  );
}

const pct = (value: number, top: number) => `${Math.min(Math.max(value / top, 0), 1) * 100}%`;
