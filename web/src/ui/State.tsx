// What stands in for content: the wait for it, the lack of it, the failure to get it.
import type { ReactNode } from "react";
import { Button } from "./Button";
import css from "./State.module.css";

/** Bars in the place of text that is on its way. */
export function Skeleton({ lines = 3, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div className={css.skeleton} role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} className={css.bar} style={{ inlineSize: `${92 - ((i * 37) % 45)}%` }} />
      ))}
    </div>
  );
}

export function EmptyState({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.state}>
      <h2 className={css.title}>{title}</h2>
      {children}
    </div>
  );
}

interface Failure {
  message: string;
  requestId?: string;
  fields?: readonly { field: string; description: string }[];
}

interface ErrorStateProps {
  title: string;
  error: Failure;
  onRetry?: () => void;
  /** It stands in the place of the whole page. */
  isPage?: boolean;
  /** Where else one can go. */
  children?: ReactNode;
}

/** Says what happened, under which id the server knows it, and offers to try again or to go elsewhere. */
export function ErrorState({ title, error, onRetry, isPage = false, children }: ErrorStateProps) {
  const Heading = isPage ? "h1" : "h2";
  // A message often holds what is wrong with its field already.
  const fields = (error.fields ?? []).filter((f) => !error.message.includes(f.description));
  return (
    <div className={css.state} role="alert">
      <Heading className={`${css.title} ${css.failed}`}>{title}</Heading>
      <p className={css.message}>{error.message}</p>
      {fields.length > 0 ? (
        <ul className={css.fields}>
          {fields.map((f) => (
            <li key={f.field + f.description}>
              <code>{f.field}</code> {f.description}
            </li>
          ))}
        </ul>
      ) : null}
      {error.requestId ? (
        <p className={css.id}>
          Request id <code>{error.requestId}</code>
        </p>
      ) : null}
      {onRetry || children ? (
        <div className={css.ways}>
          {onRetry ? <Button onPress={onRetry}>Try again</Button> : null}
          {children}
        </div>
      ) : null}
    </div>
  );
}

/** What is shown is still right as far as it goes; only asking for news or for more has failed. */
export function Stale({ title = "This could not be brought up to date", error, onRetry }: { title?: string; error: Failure; onRetry: () => void }) {
  return (
    <p className={css.stale} role="alert">
      <span>
        {title}: {error.message}
      </span>
      <Button onPress={onRetry}>Try again</Button>
    </p>
  );
}
