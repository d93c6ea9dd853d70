import { memo } from "react";
import { Link } from "@tanstack/react-router";
import { CircleAlert, TriangleAlert } from "lucide-react";
import type { Tokens, TraceRow } from "../../api/traces";
import { formatCount, formatShort, plural, sayCost, unknown } from "../../lib/format";
import { plainText } from "../../lib/markdown";
import { formatClock, formatDay, formatDuration, formatInstant, type Zone } from "../../lib/time";
import { SignalBadges, wordsOf } from "../../ui/SignalBadge";
import css from "./TraceList.module.css";

/** The cells of one trace. A view: everything it shows comes in, nothing goes out. */
export const Row = memo(function Row({ row, zone, longestNs }: { row: TraceRow; zone: Zone; longestNs: number }) {
  return (
    <>
      <span role="gridcell" className={css.time} title={formatInstant(row.startMs, zone)}>
        <span>{formatClock(row.startMs, zone)}</span>
        <span className={css.second}>{formatDay(row.startMs, zone).slice(5)}</span>
      </span>
      <span role="gridcell" className={css.trace}>
        <span className={css.line}>
          <Link to="/traces/$traceId" params={{ traceId: row.id }} search={(old) => ({ project: old.project })} className={css.name} tabIndex={-1}>
            {row.name || row.id}
          </Link>
          <span className={css.service}>{row.service}</span>
          <SignalBadges words={wordsOf(row.detected)} />
          {row.rootMissing ? (
            <span className={css.hint} title="It has not come yet, or the spans name each other as parents">
              no root span
            </span>
          ) : null}
        </span>
        <Preview row={row} />
      </span>
      <span role="gridcell" className={css.who}>
        <span className={css.clip} title={row.models.join(", ")}>
          {listed(row.models, 2) || "–"}
        </span>
        <span className={`${css.second} ${css.clip}`} title={row.agents.join(", ")}>
          {listed(row.agents, 2)}
        </span>
      </span>
      <span role="gridcell" className={css.number} title={`${plural(row.spans, "span")}, ${formatCount(row.genaiSpans)} of them GenAI`}>
        {formatShort(row.spans)}
      </span>
      <span role="gridcell" className={css.duration}>
        <span>{formatDuration(row.durationNs)}</span>
        <span className={css.track} aria-hidden>
          <span className={css.fill} style={{ inlineSize: `max(2px, ${(row.durationNs / longestNs) * 100}%)` }} />
        </span>
      </span>
      <TokenCell tokens={row.tokens} hasCalls={row.models.length > 0} />
      <CostCell row={row} />
      <span role="gridcell" className={css.state}>
        {row.errors > 0 ? (
          <span className={css.error} title={plural(row.errors, "failed span")}>
            <CircleAlert size={13} aria-hidden /> <span aria-hidden>{formatShort(row.errors)}</span>
            <span className="srOnly">{plural(row.errors, "failed span")}</span>
          </span>
        ) : null}
        {row.warnings > 0 ? (
          <span className={css.warning} title={plural(row.warnings, "warning")}>
            <TriangleAlert size={13} aria-hidden /> <span aria-hidden>{formatShort(row.warnings)}</span>
            <span className="srOnly">{plural(row.warnings, "warning")}</span>
          </span>
        ) : null}
      </span>
    </>
  );
});

function Preview({ row }: { row: TraceRow }) {
  if (!row.input && !row.output) return <span className={css.second}>no content captured</span>;
  return (
    <span className={`${css.second} ${css.clip}`}>
      {plainText(row.input)}
      {row.output ? (
        <>
          <span className={css.arrow}> → </span>
          <span className={css.answer}>{plainText(row.output)}</span>
        </>
      ) : null}
    </span>
  );
}

function TokenCell({ tokens, hasCalls }: { tokens: Tokens; hasCalls: boolean }) {
  const { input, output } = tokens;
  if (input === undefined && output === undefined) {
    return (
      <span role="gridcell" className={css.number}>
        <Unknown applies={hasCalls} />
      </span>
    );
  }
  const say = (n: number | undefined) => (n === undefined ? "?" : formatShort(n));
  const full = (n: number | undefined) => (n === undefined ? unknown : formatCount(n));
  return (
    <span role="gridcell" className={css.number} title={`${full(input)} in, ${full(output)} out`}>
      <span>
        {say(input)}
        <span className={css.unit}> in</span>
      </span>
      <span className={css.second}>
        {say(output)}
        <span className={css.unit}> out</span>
      </span>
    </span>
  );
}

function CostCell({ row }: { row: TraceRow }) {
  const { text, full } = sayCost(row.cost, row.unpriced);
  if (row.unpriced === 0) {
    return (
      <span role="gridcell" className={css.number} title={full}>
        {row.cost ? text : <Unknown applies={row.models.length > 0} />}
      </span>
    );
  }
  // Something was used that ought to have a cost: a dash would say too little, and a sign alone is not read out.
  return (
    <span role="gridcell" className={css.number} title={full}>
      <span aria-hidden className={row.cost ? undefined : css.unknown}>
        {text}
      </span>
      <span className="srOnly">{full}</span>
    </span>
  );
}

/**
 * A dash, because a column of words would shout what most rows have in common; the word is said and
 * shown on request. A trace without model calls has no tokens to know of.
 */
function Unknown({ applies }: { applies: boolean }) {
  const word = applies ? unknown : "none";
  return (
    <span className={css.unknown} title={word}>
      <span aria-hidden>–</span>
      <span className="srOnly">{word}</span>
    </span>
  );
}

function listed(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} +${names.length - most}` : shown;
}
