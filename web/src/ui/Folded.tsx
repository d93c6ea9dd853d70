import { useState, type ReactNode } from "react";
import { formatCount } from "../lib/format";
import { Button } from "./Button";
import css from "./Folded.module.css";

/** Characters of a text that are shown before a person asks for the rest: about a screen. */
const previewChars = 2_400;
/** Folding away less than this would hide a line to show a button. */
const slackChars = 600;
/** A text beyond this is shown as it stands: reading it as Markdown would hold up the page. */
export const maxProseChars = 200_000;

/** A long text, folded. `render` draws what is shown. */
export function Folded({ text, render }: { text: string; render: (shown: string) => ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  if (text.length <= previewChars + slackChars) return render(text);
  if (isOpen) {
    return (
      <div className={css.folded}>
        {render(text)}
        <Button look="quiet" className={css.toggle} onPress={() => setOpen(false)}>
          Fold
        </Button>
      </div>
    );
  }
  // Cut at the end of a line where one is near.
  const line = text.lastIndexOf("\n", previewChars);
  const shown = text.slice(0, line > previewChars / 2 ? line : previewChars);
  return (
    <div className={css.folded}>
      <div className={css.preview}>{render(shown)}</div>
      <Button look="quiet" className={css.toggle} onPress={() => setOpen(true)}>
        Show all, {formatCount(text.length - shown.length)} more characters
      </Button>
    </div>
  );
}
