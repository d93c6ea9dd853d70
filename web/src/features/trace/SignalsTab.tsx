// Everything that analyzers say of a span, found or not, and why nothing may be said.
import { useQuery } from "@tanstack/react-query";
import type { ApiError } from "../../api/error";
import { catalogQuery, traceSignalsQuery, type SignalInfo } from "../../api/signals";
import type { WireSignal, WireSpan } from "../../api/types";
import { plural } from "../../lib/format";
import { formatScore, formatShare, foundAt, signalTitle } from "../../lib/signals";
import { formatInstant, instantToMs, parseInstant } from "../../lib/time";
import { usePreferences } from "../../ui/preferences";
import { EmptyState, ErrorState, Skeleton, Stale } from "../../ui/State";
import { originOf, reasonWords } from "./Findings";
import type { SpanTree } from "./layout/tree";
import { hasMessages } from "./SpanDetail";
import css from "./SignalsTab.module.css";

interface Props {
  span: WireSpan;
  tree: SpanTree;
  project: string | undefined;
}

export function SignalsTab({ span, tree, project }: Props) {
  const trace = useQuery(traceSignalsQuery(span.traceId ?? "", project));
  const catalog = useQuery(catalogQuery());
  if (trace.isPending) return <Skeleton lines={8} label="Loading the signals" />;
  if (trace.data === undefined)
    return <ErrorState title="The signals could not be read" error={trace.error as ApiError} onRetry={() => void trace.refetch()} />;
  const known = new Map((catalog.data?.signals ?? []).map((s) => [s.name, s]));
  // The likeliest first, plain facts last.
  const weight = (s: WireSignal) => (known.get(s.name ?? "")?.detects ? 1 : 0) + (s.probability ?? 0);
  const signals = trace.data.signals.filter((s) => s.spanId === span.spanId).sort((a, b) => weight(b) - weight(a));
  const stale = trace.isError ? <Stale error={trace.error} onRetry={() => void trace.refetch()} /> : null;
  if (signals.length === 0) {
    return (
      <>
        {stale}
        <NotScored span={span} isKnown={catalog.data !== undefined} analyzers={known.size} isScoring={catalog.data?.isScoring ?? false} />
      </>
    );
  }
  return (
    <div className={css.pane}>
      {stale}
      <ul className={css.signals} aria-label="Signals">
        {signals.map((s) => (
          <SignalView key={s.name} signal={s} info={known.get(s.name ?? "")} tree={tree} />
        ))}
      </ul>
    </div>
  );
}

function SignalView({ signal, info, tree }: { signal: WireSignal; info: SignalInfo | undefined; tree: SpanTree }) {
  const zone = usePreferences((s) => s.zone);
  const at = parseInstant(signal.scoredAt);
  const probability = signal.probability ?? 0;
  const detects = info?.detects ?? probability > 0;
  const evidence = signal.evidence ?? [];
  return (
    <li className={css.signal} data-found={detects && probability >= foundAt ? "" : undefined}>
      <div className={css.head}>
        <h3 className={css.name}>{signalTitle(signal.name ?? "")}</h3>
        {signal.label ? <span className={css.label}>{signal.label.replaceAll("_", " ")}</span> : null}
        <span className={css.value}>
          {detects ? (
            <>
              <span className={css.track} aria-hidden>
                <span className={css.fill} style={{ inlineSize: `${probability * 100}%` }} />
              </span>
              {formatShare(probability)}
              <span className="srOnly"> probability</span>
            </>
          ) : (
            formatScore(signal.score ?? 0, info?.unit ?? "")
          )}
        </span>
      </div>
      {info ? <p className={css.meaning}>{info.meaning}</p> : null}
      <p className={css.facts}>
        <code>{signal.name}</code>
        {detects ? <span>score {formatScore(signal.score ?? 0, "1")}</span> : null}
        <span>
          by {signal.analyzer} v{signal.analyzerVersion}
        </span>
        {at ? <span>scored {formatInstant(instantToMs(at), zone)}</span> : null}
      </p>
      {evidence.length > 0 ? (
        <details>
          <summary className={css.summary}>{plural(evidence.length, "piece")} of evidence</summary>
          <ul className={css.evidence}>
            {evidence.map((e, i) => (
              <li key={i}>
                {e.text || reasonWords(e.reason)}
                {e.passage ? <q className={css.quote}>{e.passage.quote}</q> : null}
                {e.source ? (
                  <span className={css.source}>
                    held against {originOf(e.source, tree)}: <q className={css.quote}>{e.source.quote}</q>
                  </span>
                ) : null}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </li>
  );
}

interface NotScoredProps {
  span: WireSpan;
  isKnown: boolean;
  analyzers: number;
  isScoring: boolean;
}

function NotScored({ span, isKnown, analyzers, isScoring }: NotScoredProps) {
  if (!hasMessages(span)) {
    return (
      <EmptyState title="Not scored: nothing was said">
        <p>Analyzers read questions and answers, and this span carries neither. If it should, let its instrumentation capture content.</p>
      </EmptyState>
    );
  }
  if (isKnown && (analyzers === 0 || !isScoring)) {
    return (
      <EmptyState title="Not scored">
        <p>
          {analyzers === 0
            ? "This server has no analyzers."
            : "The server that shows this page does not score: it runs without the role “analyze”. Where another process has it, signals appear here."}
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="Not scored yet">
      <p>
        A span is scored some seconds after it is stored. If this one stays without signals, the settings under <code>analyzers</code> leave its service or a
        share of the traces out, or it came before this server scored: <code>tiltmeter analyze</code> scores what is stored.
      </p>
    </EmptyState>
  );
}
