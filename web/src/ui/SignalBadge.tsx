import { signalWord } from "../lib/signals";
import css from "./SignalBadge.module.css";

interface Props {
  words: readonly string[];
  /** Badges for which there is room; the rest are counted. */
  most?: number;
}

/** What analyzers found, in a word for each kind. */
export function SignalBadges({ words, most = words.length }: Props) {
  if (words.length === 0) return null;
  const rest = words.slice(most);
  return (
    <span className={css.badges} title={words.join(", ")}>
      {words.slice(0, most).map((word) => (
        <span key={word} className={css.badge} data-kind={word}>
          {word}
        </span>
      ))}
      {rest.length > 0 ? (
        <span className={css.badge}>
          <span aria-hidden>+{rest.length}</span>
          <span className="srOnly">{rest.join(", ")}</span>
        </span>
      ) : null}
    </span>
  );
}

/** Each word once: several signals of an analyzer say the same of a span. */
export function wordsOf(names: readonly string[]): string[] {
  return [...new Set(names.map(signalWord))];
}
