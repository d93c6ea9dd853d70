// How the router writes what is looked at into the address: plain names, filters repeated, no JSON.

export type Search = Record<string, string | string[] | undefined>;

/** The only key that may come more than once. */
const repeated = "filter";

export function parseSearch(text: string): Search {
  const search: Search = {};
  const params = new URLSearchParams(text);
  for (const [key, value] of params) if (key !== repeated && value !== "") search[key] = value;
  const filters = params.getAll(repeated).filter((f) => f.trim() !== "");
  if (filters.length > 0) search[repeated] = filters;
  return search;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(search)) {
    if (Array.isArray(value)) for (const v of value) params.append(key, String(v));
    else if (value !== undefined && value !== null && value !== "") params.append(key, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((a) => a === value);
}
