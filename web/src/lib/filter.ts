// Filters as the URL and the API write them: "field op value".

const operators = ["=", "!=", ">=", "<=", ">", "<", "~"] as const;
export type Operator = (typeof operators)[number];

export interface Filter {
  field: string;
  op: Operator;
  value: string;
}

/** A field and its operator. A field ends where an operator begins, as the server reads it. */
const beginning = /^\s*([A-Za-z_][^\s=!<>~]*)\s*(!=|>=|<=|=|>|<|~)/;

/**
 * Reads one filter; undefined when the text is none. "Is" and "is not" may ask for what is empty;
 * any other comparison with nothing is one that is still being typed.
 */
export function parseFilter(text: string): Filter | undefined {
  const m = beginning.exec(text);
  if (!m) return undefined;
  const f: Filter = { field: m[1]!, op: m[2] as Operator, value: unquote(text.slice(m[0].length).trim()) };
  return f.value === "" && f.op !== "=" && f.op !== "!=" ? undefined : f;
}

/** A value in double quotes stands for what is between them (docs/filters.md). */
function unquote(value: string): string {
  if (!isQuoted(value)) return value;
  try {
    const inner: unknown = JSON.parse(value);
    return typeof inner === "string" ? inner : value;
  } catch {
    // The server takes it as it stands, too.
    return value;
  }
}

const isQuoted = (value: string) => value.length >= 2 && value.startsWith('"') && value.endsWith('"');

/** Quotes stand only where the server would read something else without them. */
export function formatFilter(f: Filter): string {
  const isBare = f.value !== "" && f.value.trim() === f.value && !isQuoted(f.value);
  return `${f.field} ${f.op} ${isBare ? f.value : JSON.stringify(f.value)}`;
}

/** How an empty value is shown. */
export const emptyValue = "(empty)";

/** Adds a filter unless it is there. */
export function addFilter(filters: readonly string[], f: Filter): string[] {
  const text = formatFilter(f);
  return filters.some((other) => sameFilter(other, text)) ? [...filters] : [...filters, text];
}

export function removeFilter(filters: readonly string[], text: string): string[] {
  return filters.filter((other) => !sameFilter(other, text));
}

/** Two texts that mean the same filter, whatever their spaces. */
export function sameFilter(a: string, b: string): boolean {
  const fa = parseFilter(a);
  const fb = parseFilter(b);
  return fa && fb ? formatFilter(fa) === formatFilter(fb) : a === b;
}

/** The values that are chosen for a field with "=". */
export function chosenValues(filters: readonly string[], field: string): Set<string> {
  const chosen = new Set<string>();
  for (const text of filters) {
    const f = parseFilter(text);
    if (f && f.field === field && f.op === "=") chosen.add(f.value);
  }
  return chosen;
}

/** What is being typed: a field, then an operator, then a value. */
export type Draft =
  | { stage: "field"; prefix: string }
  | { stage: "operator"; field: string; prefix: string }
  | { stage: "value"; field: string; op: Operator; prefix: string };

/** Says which part of a filter the cursor stands in, so that the right things are offered. */
export function readDraft(text: string): Draft {
  const value = beginning.exec(text);
  if (value) return { stage: "value", field: value[1]!, op: value[2] as Operator, prefix: text.slice(value[0].length).trimStart() };
  const operator = /^\s*([A-Za-z_][^\s=!<>~]*)\s+(!?)$/.exec(text);
  if (operator) return { stage: "operator", field: operator[1]!, prefix: operator[2]! };
  return { stage: "field", prefix: text.trim() };
}
