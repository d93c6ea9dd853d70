import { chosenValues, emptyValue, formatFilter, type Filter } from "../../lib/filter";
import { formatShort } from "../../lib/format";
import type { FacetCounts } from "../../api/traces";
import { Skeleton } from "../../ui/State";
import { labelOf } from "./fields";
import css from "./Facets.module.css";

interface Props {
  facets: readonly FacetCounts[] | undefined;
  failed: boolean;
  filters: readonly string[];
  onAdd: (f: Filter) => void;
  onRemove: (text: string) => void;
}

/** The values that occur, with the number of traces that have them. Ticking one narrows the list. */
export function Facets({ facets, failed, filters, onAdd, onRemove }: Props) {
  if (failed && !facets) return <p className={css.note}>The facets could not be counted.</p>;
  if (!facets) return <Skeleton lines={12} label="Loading facets" />;
  if (facets.every((f) => f.values.every((v) => v.value === ""))) return <p className={css.note}>Nothing to narrow here.</p>;
  return (
    <div className={css.facets}>
      {facets
        .filter((f) => f.values.some((v) => v.value !== ""))
        .map((f) => (
          <FacetGroup key={f.field} facet={f} chosen={chosenValues(filters, f.field)} onAdd={onAdd} onRemove={onRemove} />
        ))}
    </div>
  );
}

function FacetGroup({ facet, chosen, onAdd, onRemove }: { facet: FacetCounts; chosen: ReadonlySet<string> } & Pick<Props, "onAdd" | "onRemove">) {
  // The empty value would head nearly every facet: it is asked for in the filter bar, and shown when chosen.
  const values = facet.values.filter((v) => v.value !== "" || chosen.has(""));
  const counted = new Set(values.map((v) => v.value));
  // A chosen value that no longer occurs must stay in sight, or it could not be taken back.
  for (const value of chosen) if (!counted.has(value)) values.unshift({ value, traces: 0 });
  const most = Math.max(1, ...values.map((v) => v.traces));
  const toggle = (value: string, on: boolean) => {
    const filter: Filter = { field: facet.field, op: "=", value };
    if (on) onAdd(filter);
    else onRemove(formatFilter(filter));
  };
  return (
    <fieldset className={css.group}>
      <legend className={css.legend}>{labelOf(facet.field)}</legend>
      {values.map((v) => (
        <label key={v.value} className={css.value} data-error={facet.field === "error.type" || v.value === "error" ? "" : undefined}>
          <input type="checkbox" className={css.check} checked={chosen.has(v.value)} onChange={(e) => toggle(v.value, e.target.checked)} />
          <FacetName value={v.value || emptyValue} />
          <span className={css.count}>{formatShort(v.traces)}</span>
          <span className={css.bar} style={{ inlineSize: `${(v.traces / most) * 100}%` }} aria-hidden />
        </label>
      ))}
      {facet.truncated ? <p className={css.note}>More values: type “{facet.field} =” above.</p> : null}
    </fieldset>
  );
}

/** Values that differ at their end, as versions and dates do, must differ when they are cut, too. */
const tailChars = 6;
/** A shorter value always has room. */
const shortChars = 18;

/** A value on one line, cut in its middle; where it is pointed at or has the focus, all of it. */
function FacetName({ value }: { value: string }) {
  if (value.length <= shortChars) return <span className={css.name}>{value}</span>;
  return (
    <span className={css.name}>
      <span className={css.cut} aria-hidden>
        <span className={css.start}>{value.slice(0, -tailChars)}</span>
        <span>{value.slice(-tailChars)}</span>
      </span>
      <span className={css.full}>{value}</span>
    </span>
  );
}
