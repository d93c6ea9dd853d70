import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ApiError } from "../../api/error";
import { hitsQuery, type TraceQuery } from "../../api/traces";
import type { WireHit } from "../../api/types";
import { splitHighlights } from "../../lib/format";
import { formatInstant, instantToMs, parseInstant } from "../../lib/time";
import { Button } from "../../ui/Button";
import { usePreferences } from "../../ui/preferences";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import css from "./Hits.module.css";

/** The passages that hold the words, each a way into its trace. */
export function Hits({ asked }: { asked: TraceQuery }) {
  const hits = useInfiniteQuery(hitsQuery(asked));
  if (hits.isPending) return <Skeleton lines={10} label="Searching" />;
  if (hits.data === undefined) return <ErrorState title="The search failed" error={hits.error as ApiError} onRetry={() => void hits.refetch()} />;
  const found = hits.data.pages.flatMap((p) => p.hits);
  if (found.length === 0) {
    return (
      <EmptyState title="No passage holds all of these words">
        <p>Words are looked for in messages, tool arguments and results, and documents.</p>
      </EmptyState>
    );
  }
  return (
    // It scrolls, so the keyboard must reach it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css.scroll} tabIndex={0} role="region" aria-label="Passages">
      {hits.isError && !hits.isFetchNextPageError ? <Stale error={hits.error} onRetry={() => void hits.refetch()} /> : null}
      <ol className={css.list}>
        {found.map((hit, i) => (
          <Hit key={`${hit.spanId} ${i}`} hit={hit} />
        ))}
      </ol>
      {hits.isFetchNextPageError ? (
        <Stale title="The next passages could not be read" error={hits.error} onRetry={() => void hits.fetchNextPage()} />
      ) : hits.hasNextPage ? (
        <div className={css.more}>
          <Button isDisabled={hits.isFetchingNextPage} onPress={() => void hits.fetchNextPage()}>
            More passages
          </Button>
        </div>
      ) : null}
    </div>
  );
}

function Hit({ hit }: { hit: WireHit }) {
  const zone = usePreferences((s) => s.zone);
  const start = parseInstant(hit.startTime);
  return (
    <li className={css.hit}>
      <p className={css.meta}>
        <Link to="/traces/$traceId" params={{ traceId: hit.traceId ?? "" }} search={(old) => ({ project: old.project, span: hit.spanId })} className={css.name}>
          {hit.spanName}
        </Link>
        <span>{hit.service}</span>
        <span>{hit.role}</span>
        <span>{start ? formatInstant(instantToMs(start), zone) : ""}</span>
      </p>
      <p className={css.snippet}>
        {splitHighlights(hit.snippet ?? "", hit.highlights ?? []).map((piece, i) =>
          piece.hit ? <mark key={i}>{piece.text}</mark> : <span key={i}>{piece.text}</span>,
        )}
      </p>
    </li>
  );
}
