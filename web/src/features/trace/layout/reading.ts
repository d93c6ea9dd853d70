// The account of how a span was read, from the server's lines to what is listed.
import type { ReadingSource } from "../../../api/types";

/** A field and everything that speaks of it: what filled it, what contradicts that, and then the rest. */
export interface FieldRow {
  field: string;
  sources: readonly ReadingSource[];
  isDoubtful: boolean;
}

export interface GroupedReading {
  /** Those with a conflict first, then in the order in which they were filled. */
  fields: readonly FieldRow[];
  /** What is in no field, in the order sent. */
  unread: readonly ReadingSource[];
  conflicts: number;
}

/** The first that filled a field stands first, and contradictions behind it: a field that hundreds filled is folded. */
function inOrder(sources: readonly ReadingSource[]): readonly ReadingSource[] {
  const of = (...outcomes: string[]) => sources.filter((s) => outcomes.includes(s.outcome ?? ""));
  const filled = of("filled", "derived");
  return [...filled.slice(0, 1), ...of("conflict"), ...filled.slice(1), ...of("repeated")];
}

export function groupReading(sources: readonly ReadingSource[]): GroupedReading {
  const byField = new Map<string, ReadingSource[]>();
  const unread: ReadingSource[] = [];
  let conflicts = 0;
  for (const source of sources) {
    const fields = source.fields ?? [];
    if (source.outcome === "conflict") conflicts++;
    if (fields.length === 0) unread.push(source);
    for (const field of fields) {
      const list = byField.get(field);
      if (list) list.push(source);
      else byField.set(field, [source]);
    }
  }
  const rows = [...byField].map(([field, list]): FieldRow => ({
    field,
    sources: inOrder(list),
    isDoubtful: list.some((s) => s.outcome === "conflict"),
  }));
  const fields = [...rows.filter((r) => r.isDoubtful), ...rows.filter((r) => !r.isDoubtful)];
  return { fields, unread, conflicts };
}

/** The lines that hold every word, in their names, fields, dialect or value. */
export function matchingSources(sources: readonly ReadingSource[], query: string): readonly ReadingSource[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return sources;
  return sources.filter((s) => {
    const text = [s.event, s.key, s.dialect, s.rule, s.outcome, s.value, ...(s.fields ?? [])].join(" ").toLowerCase();
    return words.every((w) => text.includes(w));
  });
}

/** Where a source stands in what was sent. */
export function placeOf(source: ReadingSource): { of: string; key: string } {
  if (source.logRecord !== undefined && source.logRecord !== null) {
    return { of: `log record ${source.logRecord + 1}`, key: [source.event, source.key].filter(Boolean).join(" / ") };
  }
  return { of: source.event ? "event" : "", key: [source.event, source.key].filter(Boolean).join(" / ") };
}
