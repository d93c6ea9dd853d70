import { useState, type FormEvent } from "react";
import { DialogTrigger, Dialog, Popover } from "react-aria-components";
import { Clock } from "lucide-react";
import { formatClock, formatDay, fromFieldValue, presets, toFieldValue, type PresetId, type TimeRange } from "../lib/time";
import { Button } from "./Button";
import { usePreferences } from "./preferences";
import css from "./RangePicker.module.css";

interface Choice {
  range?: PresetId | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

/** The stretch of time: the last so many hours, or from one moment to another. */
export function RangePicker({ search, range, onChange }: { search: Choice; range: TimeRange; onChange: (choice: Choice) => void }) {
  const zone = usePreferences((s) => s.zone);
  const [isOpen, setOpen] = useState(false);
  const isAbsolute = Boolean(search.from && search.to);
  const preset = presets.find((p) => p.id === (search.range ?? "24h"))!;
  const apply = (choice: Choice) => {
    setOpen(false);
    onChange({ range: undefined, from: undefined, to: undefined, ...choice });
  };
  const label = isAbsolute
    ? `${formatDay(range.fromMs, zone).slice(5)} ${formatClock(range.fromMs, zone)} – ${formatDay(range.toMs, zone) === formatDay(range.fromMs, zone) ? "" : `${formatDay(range.toMs, zone).slice(5)} `}${formatClock(range.toMs, zone)}`
    : preset.label;
  return (
    <DialogTrigger isOpen={isOpen} onOpenChange={setOpen}>
      <Button aria-label={`Time range: ${label}`}>
        <Clock size={14} aria-hidden /> {label}
      </Button>
      <Popover className={css.popover!} placement="bottom end">
        <Dialog className={css.dialog!} aria-label="Time range">
          <ul className={css.presets}>
            {presets.map((p) => (
              <li key={p.id}>
                <Button look="quiet" className={css.preset} aria-pressed={!isAbsolute && preset.id === p.id} onPress={() => apply({ range: p.id })}>
                  {p.label}
                </Button>
              </li>
            ))}
          </ul>
          <AbsoluteForm key={`${range.fromMs} ${zone}`} range={range} onApply={(from, to) => apply({ from, to })} />
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function AbsoluteForm({ range, onApply }: { range: TimeRange; onApply: (from: string, to: string) => void }) {
  const zone = usePreferences((s) => s.zone);
  const [from, setFrom] = useState(toFieldValue(range.fromMs, zone));
  const [to, setTo] = useState(toFieldValue(range.toMs, zone));
  const fromMs = fromFieldValue(from, zone);
  const toMs = fromFieldValue(to, zone);
  const isValid = fromMs !== undefined && toMs !== undefined && fromMs < toMs;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isValid) onApply(new Date(fromMs).toISOString(), new Date(toMs).toISOString());
  };
  return (
    <form className={css.form} onSubmit={submit}>
      <label className={css.field}>
        From, {zone === "utc" ? "UTC" : "local time"}
        <input type="datetime-local" step={1} value={from} onChange={(e) => setFrom(e.target.value)} />
      </label>
      <label className={css.field}>
        To
        <input type="datetime-local" step={1} value={to} onChange={(e) => setTo(e.target.value)} />
      </label>
      <Button type="submit" isDisabled={!isValid}>
        Show
      </Button>
      {isValid ? null : <p className={css.bad}>The end must lie after the beginning.</p>}
    </form>
  );
}
