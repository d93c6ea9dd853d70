import { useId, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { RotateCw, X } from "lucide-react";
import type { ApiError } from "../../api/error";
import { catalogQuery, seriesQuery, type SignalQuery } from "../../api/signals";
import { formatCount, formatShort, plural } from "../../lib/format";
import { removeFilter } from "../../lib/filter";
import { signalTitle } from "../../lib/signals";
import { resolveRange, type TimeRange } from "../../lib/time";
import { Button, IconButton } from "../../ui/Button";
import { useCommands } from "../../ui/commands";
import { RangePicker } from "../../ui/RangePicker";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import { Breakdown } from "./Breakdown";
import { type BreakdownField, type Listed, filtersFor, listSignals, sayCorrected, sayFigure, sayInterval } from "./rates";
import { SignalChart, Spark } from "./SignalChart";
import css from "./SignalsPage.module.css";

const route = getRouteApi("/signals");

/** How often analyzers find something, and where. */
export function SignalsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/signals" });
  const [now, setNow] = useState(Date.now);
  const range = resolveRange(search, now);
  const query: SignalQuery = { ...range, project: search.project, filter: search.filter ?? [] };
  const catalog = useQuery(catalogQuery());
  const series = useQuery(seriesQuery(query));
  const refresh = () => setNow(Date.now());
  useCommands([
    // In the place of the shell's: here it also moves the end of the range to this moment.
    { id: "reload", title: "Ask the server again", group: "General", keys: ["r"], run: refresh },
  ]);
  const failed = (catalog.data === undefined && catalog.error) || (series.data === undefined && series.error);
  const retry = () => void (catalog.refetch(), series.refetch());
  return (
    <div className={css.page}>
      <div className={css.inner}>
        <header className={css.header}>
          <div>
            <h1 className={css.title}>Signals</h1>
            <p className={css.about}>What analyzers find in answers: how often, since when, and where.</p>
          </div>
          <div className={css.tools}>
            <RangePicker
              search={search}
              range={range}
              onChange={(choice) => {
                refresh();
                void navigate({ search: (old) => ({ ...old, ...choice }) });
              }}
            />
            <IconButton label="Ask again" hotkey="r" onPress={refresh}>
              <RotateCw size={14} aria-hidden />
            </IconButton>
          </div>
        </header>
        <Filters filters={query.filter} onRemove={(f) => void navigate({ search: (old) => ({ ...old, filter: removeFilter(old.filter ?? [], f) }) })} />
        {failed ? (
          <ErrorState title="The signals could not be read" error={failed as ApiError} onRetry={retry} />
        ) : catalog.data === undefined || series.data === undefined ? (
          <Skeleton lines={10} label="Loading the signals" />
        ) : (
          <>
            {series.isError ? <Stale error={series.error} onRetry={retry} /> : null}
            <Signals
              listed={listSignals(catalog.data.signals, series.data)}
              isScoring={catalog.data.isScoring}
              stepMs={series.data.stepMs}
              query={query}
              isOld={series.isPlaceholderData}
            />
          </>
        )}
      </div>
    </div>
  );
}

/** Filters come with the address, as from a list of traces. */
function Filters({ filters, onRemove }: { filters: readonly string[]; onRemove: (filter: string) => void }) {
  if (filters.length === 0) return null;
  return (
    <ul className={css.filters} aria-label="Filters">
      {filters.map((f) => (
        <li key={f}>
          <Button look="plain" aria-label={`Remove the filter ${f}`} onPress={() => onRemove(f)}>
            {f} <X size={12} aria-hidden />
          </Button>
        </li>
      ))}
    </ul>
  );
}

interface SignalsProps {
  listed: readonly Listed[];
  isScoring: boolean;
  stepMs: number;
  query: SignalQuery;
  /** It is still that of another stretch of time. */
  isOld: boolean;
}

function Signals({ listed, isScoring, stepMs, query, isOld }: SignalsProps) {
  const { signal, by, project, range, from, to } = route.useSearch();
  const navigate = useNavigate({ from: "/signals" });
  const scored = listed.some((s) => s.total);
  const chosen = listed.find((s) => s.info.name === signal) ?? listed.find((s) => s.total) ?? listed[0];
  if (!chosen || (!scored && signal === undefined)) {
    return (
      <EmptyState title={listed.length === 0 ? "This server has no analyzers" : "Nothing was scored in this time"}>
        <p className={css.about}>
          {listed.length > 0 && !isScoring
            ? "The server that shows this page runs without the role “analyze”: another one has to score."
            : "Choose a longer time, or send traces with their content."}
        </p>
        <Link to="/traces" search={{ project }}>
          To the traces
        </Link>
      </EmptyState>
    );
  }
  const { info, total, steps } = chosen;
  return (
    <div className={css.columns} data-old={isOld ? "" : undefined} aria-busy={isOld}>
      <nav className={css.nav} aria-label="Signals">
        <Group title="Found in answers" of={listed.filter((s) => s.info.detects)} chosen={chosen} stepMs={stepMs} range={query} />
        <Group title="Facts of answers" of={listed.filter((s) => !s.info.detects)} chosen={chosen} stepMs={stepMs} range={query} />
      </nav>
      <section className={css.detail} aria-labelledby="signal-title">
        <div className={css.top}>
          <div>
            <h2 id="signal-title" className={css.name}>
              {signalTitle(info.name)}
            </h2>
            <p className={css.about}>{info.meaning}</p>
            <p className={css.small}>
              <code>{info.name}</code> {info.analyzer ? `by ${info.analyzer}` : ""}
            </p>
          </div>
          {total ? (
            <p className={css.big}>
              <b>{sayFigure(total, info.unit)}</b>
              <span className={css.interval}>{sayInterval(total)}</span>
              <span className={css.small}>
                {total.rate ? `found in ${formatCount(total.rate.found)} of ${plural(total.spans, "span")}` : plural(total.spans, "span")}
              </span>
            </p>
          ) : null}
        </div>
        {total?.corrected ? <p className={css.small}>{sayCorrected(total.corrected)}</p> : null}
        {total ? (
          <>
            <SignalChart name={signalTitle(info.name)} steps={steps} stepMs={stepMs} range={query} unit={info.unit} />
            {info.detects ? (
              <p>
                <Link to="/traces" search={{ project, range, from, to, filter: [...query.filter, ...filtersFor(info)] }}>
                  To the traces in which it was found
                </Link>
              </p>
            ) : null}
            <Breakdown
              info={info}
              query={query}
              by={by ?? "service"}
              search={{ project, range, from, to }}
              onBy={(field: BreakdownField) => void navigate({ search: (old) => ({ ...old, by: field }), replace: true })}
            />
          </>
        ) : (
          <EmptyState title="Nothing was scored in this time" />
        )}
      </section>
    </div>
  );
}

interface GroupProps {
  title: string;
  of: readonly Listed[];
  chosen: Listed;
  stepMs: number;
  range: TimeRange;
}

function Group({ title, of, chosen, stepMs, range }: GroupProps) {
  const id = useId();
  if (of.length === 0) return null;
  return (
    <div className={css.group}>
      <h2 id={id} className={css.groupTitle}>
        {title}
      </h2>
      <ul className={css.items} aria-labelledby={id}>
        {of.map((s) => (
          <li key={s.info.name}>
            <Link
              to="/signals"
              search={(old) => ({ ...old, signal: s.info.name })}
              replace
              className={css.item}
              {...(s === chosen ? { "aria-current": "true" as const } : {})}
            >
              <span className={css.itemName}>{signalTitle(s.info.name)}</span>
              <span className={css.itemRate} title={s.total ? sayFigure(s.total, s.info.unit) : undefined}>
                {s.total ? sayFigure(s.total, "1") : "–"}
              </span>
              <span className={css.itemSpark}>{s.steps.length > 0 ? <Spark steps={s.steps} stepMs={stepMs} range={range} /> : null}</span>
              <span className={css.itemCount}>{s.total ? countOf(s) : "not scored"}</span>
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}

function countOf({ total }: Listed): string {
  return total?.rate ? `${formatShort(total.rate.found)} of ${formatShort(total.spans)}` : formatShort(total?.spans ?? 0);
}
