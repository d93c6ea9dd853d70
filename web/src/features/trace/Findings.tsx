// The list of what stands out in an answer: each reason, and beside it the source that it was held against.
import { useId } from "react";
import type { Passage } from "../../api/types";
import { formatShare } from "../../lib/signals";
import { goTo, useFindings } from "./found";
import type { Finding } from "./layout/findings";
import type { SpanTree } from "./layout/tree";
import css from "./Findings.module.css";

interface Props {
  /** The findings of one span. */
  findings: readonly Finding[];
  tree: SpanTree;
  onSelect: (spanId: string) => void;
}

export function Findings({ findings, tree, onSelect }: Props) {
  const id = useId();
  if (findings.length === 0) return null;
  return (
    <div className={css.findings}>
      <p id={id} className={css.title}>
        What stands out
      </p>
      <ol className={css.list} aria-labelledby={id}>
        {findings.map((f) => (
          <FindingView key={f.n} finding={f} tree={tree} onSelect={onSelect} />
        ))}
      </ol>
    </div>
  );
}

function FindingView({ finding, tree, onSelect }: { finding: Finding } & Pick<Props, "tree" | "onSelect">) {
  const { setGoal } = useFindings();
  const { n, kind, word, signal, evidence } = finding;
  const { passage, source } = evidence;
  const showSource = () => {
    if (goTo(`[data-source="${n}"]`)) return;
    setGoal(n);
    onSelect(source?.spanId ?? "");
  };
  const showPassage = () => {
    if (!goTo(`[data-mark="${n}"]`)) onSelect(passage?.spanId ?? "");
  };
  return (
    <li className={css.finding} data-kind={kind} data-finding={n} tabIndex={-1}>
      <div className={css.said}>
        <p className={css.head}>
          <b className={css.word}>
            {n} {word}
          </b>
          <Likelihood finding={finding} />
        </p>
        <p>{evidence.text || reasonWords(evidence.reason)}</p>
        {passage?.quote ? <blockquote className={css.quote}>{passage.quote}</blockquote> : null}
        {passage ? (
          <button type="button" className={css.link} onClick={showPassage}>
            Show it in {passage.field === "output" ? "the answer" : originOf(passage, tree)}
          </button>
        ) : null}
        <span className={css.by}>
          {signal.analyzer} v{signal.analyzerVersion}
        </span>
      </div>
      {source ? (
        <figure className={css.source}>
          <figcaption className={css.origin}>
            Held against <b>{originOf(source, tree)}</b>
          </figcaption>
          <blockquote className={css.quote}>{source.quote}</blockquote>
          <button type="button" className={css.link} onClick={showSource}>
            Show the source
          </button>
        </figure>
      ) : kind === "unsupported" ? (
        <p className={css.nothing}>Nothing that the model was given comes near it.</p>
      ) : null}
    </li>
  );
}

/** Of a sentence its own probability where the analyzer gives one, else that of the whole answer. */
function Likelihood({ finding: { kind, word, signal, evidence } }: { finding: Finding }) {
  const own = evidence.score ?? 0;
  const isOwn = kind === "unsupported" && own > 0 && own <= 1;
  const share = isOwn ? own : (signal.probability ?? 0);
  const of = isOwn ? "of this sentence" : "of the answer";
  return (
    <span className={css.share} title={`Probability ${of}`}>
      {formatShare(share)}
      <span className="srOnly"> probability {of}</span>
      {signal.label && signal.label !== word ? <span className={css.label}> {signal.label.replaceAll("_", " ")}</span> : null}
    </span>
  );
}

export const reasonWords = (reason: string | undefined) => (reason ?? "").replaceAll("_", " ");

/** Where a passage stands, as people say it. */
export function originOf(p: Passage, tree: SpanTree): string {
  const row = tree.rowOf.get(p.spanId ?? "");
  const name = row === undefined ? "" : (tree.spans[row]?.name ?? "");
  const of = name ? ` of ${name}` : "";
  const nth = (p.index ?? 0) + 1;
  switch (p.field) {
    case "documents":
      return `document ${nth}${of}`;
    case "tool.result":
      return `the result${of}`;
    case "tool.arguments":
      return `the arguments${of}`;
    case "system":
      return "the system instructions";
    case "query":
      return `the query${of}`;
    case "output":
      return `the answer${of}`;
    default:
      return `message ${nth} of the input`;
  }
}
