// How a span was read: what each field came from, what was left aside, and where senders contradict themselves.
import { useDeferredValue, useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { TriangleAlert } from "lucide-react";
import type { ApiError } from "../../api/error";
import { readingQuery } from "../../api/traces";
import type { ReadingSource, WireReading } from "../../api/types";
import { formatCount, plural } from "../../lib/format";
import { Button } from "../../ui/Button";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import { groupReading, matchingSources, placeOf, type FieldRow } from "./layout/reading";
import css from "./Reading.module.css";

/** Sources of one field that are shown before a person asks for more: a flattened history has hundreds. */
const fieldSources = 4;
/** Rows of a list that are shown at once, and with each further wish. */
const listRows = 100;
/** From this many lines on there is something to search. */
const searchFrom = 12;

interface Props {
  traceId: string;
  spanId: string;
  project: string | undefined;
  isStale: boolean;
}

export function Reading({ traceId, spanId, project, isStale }: Props) {
  const reading = useQuery(readingQuery(traceId, spanId, project));
  if (reading.isPending) return <Skeleton lines={12} label="Loading how the span was read" />;
  if (reading.data === undefined) {
    return <ErrorState title="How the span was read could not be told" error={reading.error as ApiError} onRetry={() => void reading.refetch()} />;
  }
  return (
    <div className={css.pane}>
      {reading.isError && !isStale ? <Stale error={reading.error} onRetry={() => void reading.refetch()} /> : null}
      <Account key={spanId} reading={reading.data} />
    </div>
  );
}

function Account({ reading }: { reading: WireReading }) {
  const [query, setQuery] = useState("");
  const deferred = useDeferredValue(query);
  const sources = reading.sources ?? [];
  const { fields, unread, conflicts } = useMemo(() => groupReading(matchingSources(reading.sources ?? [], deferred)), [reading.sources, deferred]);
  return (
    <>
      <Speakers reading={reading} />
      {reading.differingFields?.length ? (
        <div className={css.notice}>
          <TriangleAlert size={14} aria-hidden />
          <p>
            Stored otherwise: <Codes names={reading.differingFields} />. The span was stored by an older version or other rules; <code>tiltmeter reread</code>{" "}
            makes stored spans anew.
          </p>
        </div>
      ) : null}
      {reading.truncated ? <p className={css.aside}>There is more than the server tells at once. The tab “Raw” has everything that was sent.</p> : null}
      {sources.length === 0 ? (
        <EmptyState title="The span has no attributes">
          <p>There was nothing to read but its name, its times and its status.</p>
        </EmptyState>
      ) : (
        <>
          {sources.length >= searchFrom ? (
            <input
              className={css.search}
              type="search"
              aria-label="Search the attributes and fields"
              placeholder="Attribute, field or value"
              value={query}
              onChange={(e) => setQuery(e.target.value)}
            />
          ) : null}
          {fields.length + unread.length === 0 ? <p className={css.aside}>Nothing matches.</p> : null}
          {fields.length > 0 ? (
            <section>
              <h3 className={css.section}>
                {plural(fields.length, "field")}
                {conflicts > 0 ? (
                  <span className={css.doubt}>
                    <TriangleAlert size={12} aria-hidden /> {plural(conflicts, "contradiction")}
                  </span>
                ) : null}
              </h3>
              <ul className={css.list} aria-label="Fields and what they were read from">
                {fields.map((row) => (
                  <Field key={row.field} row={row} />
                ))}
              </ul>
            </section>
          ) : null}
          {unread.length > 0 ? <Unread key={deferred} sources={unread} /> : null}
        </>
      )}
    </>
  );
}

/** Which dialects the span shows. The first that finds a field empty fills it. */
function Speakers({ reading }: { reading: WireReading }) {
  const dialects = reading.dialects ?? [];
  if (dialects.length === 0) return <p className={css.aside}>No dialect knows this span. Its attributes are kept as they were sent.</p>;
  return (
    <div className={css.speakers}>
      <span className={css.label}>Read by</span>
      <ol className={css.chain} aria-label="Dialects, in the order in which they fill fields">
        {dialects.map((d) => (
          <li key={`${d.name} ${d.version ?? ""}`} className={css.speaker}>
            <b>{d.name}</b> {d.version}
          </li>
        ))}
      </ol>
      {dialects.length > 1 ? <span className={css.aside}>the first that finds a field empty fills it</span> : null}
    </div>
  );
}

function Field({ row }: { row: FieldRow }) {
  const [isOpen, setOpen] = useState(false);
  const shown = isOpen ? row.sources : row.sources.slice(0, fieldSources);
  const rest = row.sources.length - shown.length;
  return (
    <li className={css.row} data-doubtful={row.isDoubtful || undefined}>
      <code className={css.field}>{row.field}</code>
      <ul className={css.sources}>
        {shown.map((s, i) => (
          <Source key={i} source={s} />
        ))}
        {rest > 0 ? (
          <li>
            <Button look="quiet" className={css.more} onPress={() => setOpen(true)}>
              Show {formatCount(rest)} more
            </Button>
          </li>
        ) : null}
      </ul>
    </li>
  );
}

const outcomes: Record<string, string> = { conflict: "says otherwise", repeated: "says the same", derived: "follows from other fields" };

function Source({ source }: { source: ReadingSource }) {
  const { of, key } = placeOf(source);
  const said = outcomes[source.outcome ?? ""];
  return (
    <li className={css.source} data-outcome={source.outcome}>
      <p className={css.head}>
        {source.outcome === "conflict" ? <TriangleAlert size={12} aria-hidden className={css.sign} /> : null}
        {of ? <span className={css.label}>{of}</span> : null}
        {key ? <code className={css.key}>{key}</code> : null}
        {said ? <span className={css.said}>{said}</span> : null}
        {source.dialect ? <span className={css.dialect}>{[source.dialect, source.rule].filter(Boolean).join(" ")}</span> : null}
      </p>
      <Value source={source} />
    </li>
  );
}

function Value({ source }: { source: ReadingSource }) {
  if (!source.value) return null;
  return (
    <p className={css.value}>
      {source.value}
      {source.valueCut ? "…" : ""}
    </p>
  );
}

/** What is in no field. It is kept beside them, so that nothing is lost. */
function Unread({ sources }: { sources: readonly ReadingSource[] }) {
  const [count, setCount] = useState(listRows);
  const rest = sources.length - count;
  return (
    <section>
      <h3 className={css.section}>
        {formatCount(sources.length)} in no field <span className={css.aside}>kept as sent</span>
      </h3>
      <ul className={css.list} aria-label="Attributes that no field was read from">
        {sources.slice(0, count).map((s, i) => {
          const { of, key } = placeOf(s);
          return (
            <li key={i} className={css.row}>
              <span className={css.field}>
                {of ? <span className={css.label}>{of} </span> : null}
                <code>{key}</code>
                {s.dialect && s.outcome === "ignored" ? <span className={css.aside}> {s.dialect} could not read it</span> : null}
              </span>
              <Value source={s} />
            </li>
          );
        })}
      </ul>
      {rest > 0 ? (
        <Button look="quiet" className={css.more} onPress={() => setCount(count + listRows)}>
          Show {formatCount(Math.min(rest, listRows))} of {formatCount(rest)} more
        </Button>
      ) : null}
    </section>
  );
}

function Codes({ names }: { names: readonly string[] }) {
  return names.map((name, i) => (
    <span key={name}>
      {i > 0 ? ", " : ""}
      <code>{name}</code>
    </span>
  ));
}
