// A text with what was found in it. Marks count in the characters that were sent, of which Markdown drops some: so a text
// with marks is shown as it was sent, and formatted on request.
import { useEffect, useState, type ReactNode } from "react";
import { Button } from "../../ui/Button";
import { goTo, useFindings } from "./found";
import { cutAtMarks, marksIn, type Mark, type TextPlace } from "./layout/findings";
import css from "./Marked.module.css";

interface Props {
  text: string;
  at: TextPlace | undefined;
  /** The text without marks. */
  children: ReactNode;
  /** It is plain text anyhow. */
  isPlain?: boolean;
}

export function Marked({ text, at, children, isPlain = false }: Props) {
  const { findings } = useFindings();
  const [isFormatted, setFormatted] = useState(false);
  const marks = at ? marksIn(findings, at, text) : [];
  if (marks.length === 0) return children;
  return (
    <div className={css.marked}>
      {isFormatted ? children : <MarkedText text={text} marks={marks} />}
      {isPlain ? null : (
        <Button look="quiet" className={css.toggle} onPress={() => setFormatted(!isFormatted)}>
          {isFormatted ? "Show what stands out" : "Show formatted, without marks"}
        </Button>
      )}
    </div>
  );
}

function MarkedText({ text, marks }: { text: string; marks: readonly Mark[] }) {
  const { goal, setGoal } = useFindings();
  const isGoal = goal !== undefined && marks.some((m) => m.isSource && m.finding.n === goal);
  // External system: the scroll position. Who asked for a source and was led to its span sees it.
  useEffect(() => {
    if (!isGoal) return;
    goTo(`[data-source="${goal}"]`);
    setGoal(undefined);
  }, [isGoal, goal, setGoal]);
  return (
    <p className={css.text}>
      {cutAtMarks(text, marks).map((piece, i) => {
        const top = piece.over.find((m) => !m.isSource) ?? piece.over[0];
        if (!top) return <span key={i}>{piece.text}</span>;
        return (
          <span key={i}>
            <mark className={css.mark} data-kind={top.isSource ? "source" : top.finding.kind}>
              {piece.text}
            </mark>
            {piece.ending.map((m) => (
              <Tag key={`${m.finding.n} ${m.isSource}`} mark={m} />
            ))}
          </span>
        );
      })}
    </p>
  );
}

function Tag({ mark: { finding, isSource } }: { mark: Mark }) {
  const words = isSource ? `source of ${finding.n}` : `${finding.n} ${finding.word}`;
  const place = isSource ? { "data-source": finding.n } : { "data-mark": finding.n };
  return (
    <button
      type="button"
      className={css.tag}
      data-kind={isSource ? "source" : finding.kind}
      aria-label={`${words}, why`}
      onClick={() => goTo(`[data-finding="${finding.n}"]`)}
      {...place}
    >
      {words}
    </button>
  );
}
