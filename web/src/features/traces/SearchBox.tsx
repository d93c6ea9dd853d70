import { useState, type FormEvent, type Ref } from "react";
import { Search, X } from "lucide-react";
import { Kbd } from "../../ui/Kbd";
import css from "./SearchBox.module.css";

/** Words that must all occur in one message. Asked on Enter: each question reads contents. */
export function SearchBox({ value, onSubmit, ref }: { value: string; onSubmit: (query: string) => void; ref: Ref<HTMLInputElement> }) {
  const [text, setText] = useState(value);
  const [shown, setShown] = useState(value);
  if (shown !== value) {
    // The address changed from outside: by a link, or by going back.
    setShown(value);
    setText(value);
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit(text.trim());
  };
  return (
    <form className={css.box} role="search" onSubmit={submit}>
      <Search size={14} aria-hidden className={css.icon} />
      <input
        ref={ref}
        className={css.input}
        aria-label="Search in contents"
        placeholder="Search what was said"
        value={text}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={(e) => {
          if (e.key !== "Escape") return;
          if (text !== value) setText(value);
          else e.currentTarget.blur();
        }}
      />
      {value ? (
        <button type="button" className={css.clear} aria-label="Clear the search" onClick={() => onSubmit("")}>
          <X size={14} aria-hidden />
        </button>
      ) : (
        <Kbd>/</Kbd>
      )}
    </form>
  );
}
