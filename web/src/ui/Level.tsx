import css from "./Level.module.css";

/** The mark of the house: a spirit level whose bubble stands off centre. */
export function Level() {
  return (
    <svg className={css.level} viewBox="0 0 40 16" width="40" height="16" aria-hidden>
      <rect className={css.tube} x="0.75" y="0.75" width="38.5" height="14.5" rx="7.25" />
      <ellipse className={css.bubble} cx="23" cy="7.4" rx="5.6" ry="4.1" />
      <path className={css.lines} d="M14.5 1v14M25.5 1v14" />
    </svg>
  );
}
