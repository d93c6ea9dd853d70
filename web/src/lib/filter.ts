// Filters as the URL and the API write them: "field op value".

const operators = ["=", "!=", ">=", "<=", ">", "<", "~"] as const;
export type Operator = (typeof operators)[number];

export interface Filter {
  field: string;
  op: Operator;
  value: string;
}

const shape = /^\s*([A-Za-z_][\w.-]*)\s*(!=|>=|<=|=|>|<|~)\s*([\s\S]*?)\s*$/;

/** Reads one filter; undefined when the text is none or has no value. */
export function parseFilter(text: string): Filter | undefined {
  const m = shape.exec(text);
  if (!m || m[3] === "") return undefined;
  return { field: m[1]!, op: m[2] as Operator, value: m[3]! };
}

export function formatFilter(f: Filter): string {
  return `${f.field} ${f.op} ${f.value}`;
}

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
  const value = /^\s*([A-Za-z_][\w.-]*)\s*(!=|>=|<=|=|>|<|~)\s*([\s\S]*)$/.exec(text);
  if (value) return { stage: "value", field: value[1]!, op: value[2] as Operator, prefix: value[3]! };
  const operator = /^\s*([A-Za-z_][\w.-]*)\s+(!?)$/.exec(text);
  if (operator) return { stage: "operator", field: operator[1]!, prefix: operator[2]! };
  return { stage: "field", prefix: text.trim() };
}
