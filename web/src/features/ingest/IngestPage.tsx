import { useState } from "react";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { ApiError } from "../../api/error";
import { deadLettersQuery, ingestStatusQuery, replayDeadLetters, storageStatusQuery } from "../../api/ingest";
import type { WireDeadLetters, WireIngestStatus, WireStorageStatus } from "../../api/types";
import { formatBytes, formatCount, parseCount, plural } from "../../lib/format";
import { formatAgo, formatDuration, formatInstant, instantToMs, parseDuration, parseInstant } from "../../lib/time";
import { Button } from "../../ui/Button";
import { usePreferences } from "../../ui/preferences";
import { ErrorState, Skeleton, Stale } from "../../ui/State";
import css from "./IngestPage.module.css";

/** What came in, what became of it, and what could not be read. */
export function IngestPage() {
  const { project } = useSearch({ strict: false });
  const status = useQuery(ingestStatusQuery(project));
  const storage = useQuery(storageStatusQuery(project));
  if (status.isPending) return <Skeleton lines={10} label="Loading the ingest status" />;
  if (status.isError && !status.data)
    return <ErrorState isPage title="The ingest status could not be read" error={status.error as ApiError} onRetry={() => void status.refetch()} />;
  const s = status.data;
  return (
    <div className={css.page}>
      <div className={css.inner}>
        <h1 className={css.title}>Ingest</h1>
        <Since status={s} asked={status.dataUpdatedAt} failed={status.isError} />
        {s.engineReady === false ? (
          <p className={css.down} role="status">
            The engine is not ready{s.engineMessage ? `: ${s.engineMessage}` : ""}. What arrives is kept in the log until it is.
          </p>
        ) : null}
        <Flow status={s} />
        <div className={css.columns}>
          <LogGauge status={s} />
          <Rejected status={s} />
          {storage.data ? <Stored storage={storage.data} /> : null}
        </div>
        <DeadLetters count={count(s.deadLetters)} isStale={status.isError} />
      </div>
    </div>
  );
}

const count = (text: string | undefined) => parseCount(text) ?? 0;

function Since({ status, asked, failed }: { status: WireIngestStatus; asked: number; failed: boolean }) {
  const zone = usePreferences((p) => p.zone);
  const start = parseInstant(status.startedAt);
  return (
    <p className={css.since}>
      {start ? `Since the server started, ${formatInstant(instantToMs(start), zone)}.` : "Since the server started."}
      {failed ? <span className={css.bad}> The server does not answer: these are the counts of {formatInstant(asked, zone)}.</span> : null}
    </p>
  );
}

/** The way of the data, with what was counted at each gate. */
function Flow({ status }: { status: WireIngestStatus }) {
  const rejected = (status.rejected ?? []).reduce((n, r) => n + count(r.spans), 0);
  const steps = [
    {
      name: "Received",
      value: count(status.receivedSpans),
      unit: "spans",
      more: `${plural(count(status.receivedRequestsAllProjects), "request")}, ${plural(count(status.receivedLogRecords), "log record")}, ${plural(count(status.receivedMetricPoints), "metric point")}`,
    },
    { name: "Acknowledged", value: count(status.acknowledgedRequestsAllProjects), unit: "requests", more: "of all projects, safe on disk before the answer" },
    { name: "Deduplicated", value: count(status.duplicateRequestsAllProjects), unit: "requests", more: "of all projects, sent again by the client, kept once" },
    { name: "Rejected", value: rejected, unit: "spans", more: rejected ? "by reason below" : "nothing was turned away", bad: rejected > 0 },
    { name: "Stored", value: count(status.storedSpans), unit: "spans", more: `${plural(count(status.storedLogRecords), "log record")}, all that is kept now` },
  ];
  return (
    <dl className={css.flow}>
      {steps.map((step) => (
        <div key={step.name} className={css.step} data-bad={step.bad ? "" : undefined}>
          <dt>{step.name}</dt>
          <dd className={css.big}>
            {formatCount(step.value)} <span className={css.unit}>{step.unit}</span>
          </dd>
          <dd className={css.more}>{step.more}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Lag beyond this is worth a colour: people notice a list that is ten seconds old. */
const lagWarnNs = 10e9;

/** The log as a level: the bubble stands where the reader is behind. */
function LogGauge({ status }: { status: WireIngestStatus }) {
  const log = status.log ?? {};
  const bytes = count(log.bytes);
  const most = count(log.maxBytes);
  const lag = parseDuration(log.lag) ?? 0;
  const pending = count(log.pendingMessages);
  return (
    <section className={css.card}>
      <h2 className={css.cardTitle}>Log</h2>
      <p className={css.lag} data-late={lag > lagWarnNs ? "" : undefined}>
        {pending === 0 ? "level" : `${formatDuration(lag)} behind`}
      </p>
      <p className={css.more}>{pending === 0 ? "everything that was acknowledged is stored" : `${plural(pending, "message")} not yet stored`}</p>
      {most > 0 ? (
        <div
          className={css.meter}
          role="meter"
          aria-label="Log space in use"
          aria-valuemin={0}
          aria-valuemax={most}
          aria-valuenow={bytes}
          aria-valuetext={`${formatBytes(bytes)} of ${formatBytes(most)}`}
        >
          <span className={css.meterFill} style={{ inlineSize: `${Math.min(100, (bytes / most) * 100)}%` }} />
        </div>
      ) : null}
      <p className={css.more}>
        {formatBytes(bytes)}
        {most > 0 ? ` of ${formatBytes(most)}` : ""}, {plural(count(log.messages), "message")}
      </p>
    </section>
  );
}

function Rejected({ status }: { status: WireIngestStatus }) {
  const rows = (status.rejected ?? []).map((r) => ({ reason: r.reason ?? "", spans: count(r.spans) })).sort((a, b) => b.spans - a.spans);
  return (
    <section className={css.card}>
      <h2 className={css.cardTitle}>Rejected spans</h2>
      {rows.length === 0 ? (
        <p className={css.more}>None. A span that cannot be kept is answered to its sender and counted here.</p>
      ) : (
        <ul className={css.rows}>
          {rows.map((r) => (
            <li key={r.reason}>
              <span>{r.reason.replaceAll("_", " ")}</span>
              <b>{formatCount(r.spans)}</b>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Stored({ storage }: { storage: WireStorageStatus }) {
  const spans = count(storage.spans);
  const bytes = count(storage.bytesOnDisk);
  return (
    <section className={css.card}>
      <h2 className={css.cardTitle}>In store</h2>
      <ul className={css.rows}>
        <li>
          <span>Traces</span> <b>{formatCount(count(storage.traces))}</b>
        </li>
        <li>
          <span>Spans</span> <b>{formatCount(spans)}</b>
        </li>
        <li>
          <span>Log records</span> <b>{formatCount(count(storage.logRecords))}</b>
        </li>
        {/* Not said to a key of one project. */}
        {bytes > 0 ? (
          <li>
            <span>On disk, all projects</span> <b>{formatBytes(bytes)}</b>
          </li>
        ) : null}
      </ul>
    </section>
  );
}

type Letter = NonNullable<WireDeadLetters["deadLetters"]>[number];

/** `isStale`: the page says already that the server does not answer. */
function DeadLetters({ count: total, isStale }: { count: number; isStale: boolean }) {
  const letters = useInfiniteQuery(deadLettersQuery());
  const client = useQueryClient();
  const [confirming, setConfirming] = useState(false);
  const replay = useMutation({
    mutationFn: replayDeadLetters,
    onSettled: () => {
      setConfirming(false);
      void client.invalidateQueries({ queryKey: ["ingest"] });
    },
  });
  const rows: Letter[] = letters.data?.pages.flatMap((p) => p.letters) ?? [];
  return (
    <section className={css.letters}>
      <header className={css.lettersHead}>
        <h2 className={css.cardTitle}>Dead letters</h2>
        <span className={css.more}>
          {total === 0
            ? "none: everything that was acknowledged could be read"
            : `${plural(total, "record")} acknowledged but not readable, kept until you decide`}
        </span>
        {rows.length > 0 ? (
          confirming ? (
            <>
              <Button look="primary" isDisabled={replay.isPending} onPress={() => replay.mutate([])}>
                Replay all {formatCount(total || rows.length)}
              </Button>
              <Button look="quiet" onPress={() => setConfirming(false)}>
                Leave them
              </Button>
            </>
          ) : (
            <Button onPress={() => setConfirming(true)}>Replay all</Button>
          )
        ) : null}
      </header>
      <p role="status" className={css.more}>
        {replay.isSuccess ? `${plural(replay.data, "record")} put back at the end of the log.` : ""}
      </p>
      {replay.isError ? <ErrorState title="The replay failed" error={replay.error as ApiError} /> : null}
      {letters.error instanceof ApiError && letters.error.isForbidden ? (
        <p className={css.more}>To list and replay them needs an admin key.</p>
      ) : letters.isError && letters.data === undefined ? (
        <ErrorState title="The dead letters could not be listed" error={letters.error as ApiError} onRetry={() => void letters.refetch()} />
      ) : letters.isError && !isStale ? (
        <Stale error={letters.error} onRetry={() => void letters.refetch()} />
      ) : null}
      {rows.length > 0 ? <LetterTable rows={rows} isBusy={replay.isPending} onReplay={(id) => replay.mutate([id])} /> : null}
      {letters.hasNextPage ? (
        <Button isDisabled={letters.isFetchingNextPage} onPress={() => void letters.fetchNextPage()}>
          Older records
        </Button>
      ) : null}
    </section>
  );
}

function LetterTable({ rows, isBusy, onReplay }: { rows: readonly Letter[]; isBusy: boolean; onReplay: (id: string) => void }) {
  const zone = usePreferences((p) => p.zone);
  const [now] = useState(Date.now);
  return (
    // It scrolls sideways, so the keyboard must reach it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.scroll} tabIndex={0} role="region" aria-label="Dead letters">
      <table className={css.table}>
        <thead>
          <tr>
            <th>Received</th>
            <th>Signal</th>
            <th>Reason</th>
            <th>Error</th>
            <th>Size</th>
            <th>
              <span className="srOnly">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((l) => {
            const at = parseInstant(l.receivedAt);
            return (
              <tr key={l.id}>
                <td title={at ? formatInstant(instantToMs(at), zone) : ""}>{at ? formatAgo(instantToMs(at), now, zone) : "unknown"}</td>
                <td>{l.signal}</td>
                <td>{(l.reason ?? "").replaceAll("_", " ")}</td>
                <td className={css.errorText}>{l.error}</td>
                <td>{formatBytes(count(l.sizeBytes))}</td>
                <td>
                  <Button look="quiet" isDisabled={isBusy} onPress={() => onReplay(l.id ?? "")} aria-label={`Replay ${l.id}`}>
                    Replay
                  </Button>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
