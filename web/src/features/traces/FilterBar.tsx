import { useId, useState, type KeyboardEvent, type Ref } from "react";
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { catalogQuery } from "../../api/signals";
import { facetsQuery, type TraceQuery } from "../../api/traces";
import { emptyValue, formatFilter, parseFilter, readDraft, type Filter } from "../../lib/filter";
import { formatCount } from "../../lib/format";
import { signalTitle } from "../../lib/signals";
import { fields, findField, operatorNames, operatorsFor, signalField } from "./fields";
import css from "./FilterBar.module.css";

interface Suggestion {
  /** What the field then holds. */
  text: string;
  label: string;
  hint: string;
  /** Choosing it completes the filter. */
  isWhole: boolean;
}

const maxSuggestions = 12;

interface Props {
  asked: TraceQuery;
  filters: readonly string[];
  onAdd: (f: Filter) => void;
  onRemove: (text: string) => void;
  ref: Ref<HTMLInputElement>;
}

/** The filters that hold, and a field that completes the next one: field, operator, value. */
export function FilterBar({ asked, filters, onAdd, onRemove, ref }: Props) {
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  /** The highlighted suggestion, where a person moved it; undefined: where it stands by itself. */
  const [moved, setAt] = useState<number>();
  const listId = useId();
  const suggestions = useSuggestions(text, asked, isOpen);
  const draft = readDraft(text);
  // "Contains" takes what was typed: a whole value is offered, not assumed.
  const at = moved ?? (draft.stage === "value" && draft.op === "~" ? -1 : 0);
  const highlighted = isOpen ? suggestions[at] : undefined;

  const commit = (candidate: string) => {
    const filter = parseFilter(candidate);
    // Only text can be empty: a number or a code that is compared with nothing is still being typed.
    if (!filter || (filter.value === "" && (findField(filter.field)?.type ?? "text") !== "text")) return false;
    onAdd(filter);
    setText("");
    setOpen(false);
    return true;
  };
  const choose = (s: Suggestion) => {
    setAt(undefined);
    if (!s.isWhole || !commit(s.text)) setText(s.text);
  };
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      const to = event.key === "ArrowDown" ? at + 1 : at < 0 ? suggestions.length - 1 : at + suggestions.length - 1;
      setAt(to % Math.max(suggestions.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      // What is highlighted is what Enter takes. Escape closes the list: then it is what was typed.
      if (highlighted) choose(highlighted);
      else commit(text);
    } else if (event.key === "Tab" && !event.shiftKey && text !== "" && highlighted) {
      // Completes while there is something to complete; else, and with Shift, the focus moves on.
      event.preventDefault();
      choose(highlighted);
    } else if (event.key === "Escape") {
      if (isOpen) setOpen(false);
      else event.currentTarget.blur();
    } else if (event.key === "Backspace" && text === "") {
      const last = filters.at(-1);
      if (last) onRemove(last);
    }
  };
  return (
    <div className={css.bar}>
      {filters.map((f) => (
        <Chip key={f} text={f} onRemove={() => onRemove(f)} />
      ))}
      <div className={css.combo}>
        <input
          ref={ref}
          className={css.input}
          role="combobox"
          aria-label="Add a filter"
          aria-expanded={isOpen && suggestions.length > 0}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={highlighted ? `${listId}-${at}` : undefined}
          placeholder={filters.length > 0 ? "and …" : "Filter: model, service, duration > 2s …"}
          value={text}
          onChange={(e) => {
            setText(e.target.value);
            setOpen(true);
            setAt(undefined);
          }}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKey}
        />
        <ul id={listId} role="listbox" aria-label="Suggestions" className={css.list} hidden={!isOpen || suggestions.length === 0}>
          {suggestions.map((s, i) => (
            <li
              key={s.text}
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === at}
              className={css.item}
              onPointerMove={() => setAt(i)}
              // Before the field loses focus, which would close the list.
              onPointerDown={(e) => {
                e.preventDefault();
                choose(s);
              }}
            >
              <span className={css.label}>{s.label}</span>
              <span className={css.hint}>{s.hint}</span>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function Chip({ text, onRemove }: { text: string; onRemove: () => void }) {
  const f = parseFilter(text);
  return (
    <span className={css.chip} data-bad={f ? undefined : ""}>
      {f ? (
        <>
          <span className={css.field}>{f.field}</span> <span className={css.op}>{f.op}</span> <span className={css.value}>{f.value || emptyValue}</span>
        </>
      ) : (
        text
      )}
      <button type="button" className={css.remove} aria-label={`Remove the filter ${text}`} onClick={onRemove}>
        <X size={12} aria-hidden />
      </button>
    </span>
  );
}

function useSuggestions(text: string, asked: TraceQuery, isOpen: boolean): Suggestion[] {
  const draft = readDraft(text);
  const field = draft.stage === "value" && findField(draft.field)?.facet ? draft.field : undefined;
  const values = useQuery({ ...facetsQuery(asked, field ?? "service"), enabled: isOpen && field !== undefined });
  const catalog = useQuery({ ...catalogQuery(), enabled: isOpen });
  const signals = catalog.data?.signals.filter((s) => s.detects) ?? [];
  if (draft.stage === "field") {
    const prefix = draft.prefix.toLowerCase();
    return [...fields, ...signals.map((s) => ({ name: `${signalField}${s.name}`, hint: signalTitle(s.name).toLowerCase() }))]
      .filter((f) => f.name.includes(prefix))
      .sort((a, b) => Number(b.name.startsWith(prefix)) - Number(a.name.startsWith(prefix)))
      .slice(0, maxSuggestions)
      .map((f) => ({ text: `${f.name} `, label: f.name, hint: f.hint, isWhole: false }));
  }
  if (draft.stage === "operator") {
    return operatorsFor(draft.field)
      .filter((op) => op.startsWith(draft.prefix))
      .map((op) => ({ text: `${draft.field} ${op} `, label: op, hint: operatorNames[op], isWhole: false }));
  }
  const prefix = draft.prefix.trim().toLowerCase();
  if (draft.field.startsWith(signalField)) {
    const labels = draft.op === "=" || draft.op === "!=" ? signals.find((s) => signalField + s.name === draft.field)?.labels : undefined;
    return (labels ?? [])
      .filter((label) => label.includes(prefix))
      .map((label) => ({ text: formatFilter({ field: draft.field, op: draft.op, value: label }), label, hint: "label", isWhole: true }));
  }
  if (field === undefined) return [];
  const known = values.data?.find((f) => f.field === field)?.values ?? [];
  const whole = (value: string) => formatFilter({ field: draft.field, op: draft.op, value });
  // Exactly what was typed before what only holds it, and the empty value last.
  const rank = (value: string) => (value === "" ? 2 : value.toLowerCase() === prefix ? 0 : 1);
  return known
    .filter((v) => (v.value === "" ? prefix === "" && draft.op !== "~" : v.value.toLowerCase().includes(prefix)))
    .sort((a, b) => rank(a.value) - rank(b.value))
    .slice(0, maxSuggestions)
    .map((v) => ({ text: whole(v.value), label: v.value || emptyValue, hint: formatCount(v.traces), isWhole: true }));
}
