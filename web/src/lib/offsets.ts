// Places in texts: analyzers count in bytes of UTF-8, a browser in units of UTF-16.

/**
 * The UTF-16 offsets of byte offsets in a text, in one walk over it. An offset within a character or beyond the end is
 * undefined. A surrogate that stands alone counts three bytes, as it is sent.
 */
export function toUtf16(text: string, bytes: readonly number[]): (number | undefined)[] {
  const order = bytes.map((_, i) => i).sort((a, b) => bytes[a]! - bytes[b]!);
  const found: (number | undefined)[] = bytes.map(() => undefined);
  let byte = 0;
  let unit = 0;
  for (const i of order) {
    while (byte < bytes[i]! && unit < text.length) {
      const point = text.codePointAt(unit)!;
      byte += point < 0x80 ? 1 : point < 0x8_00 ? 2 : point < 0x1_00_00 ? 3 : 4;
      unit += point < 0x1_00_00 ? 1 : 2;
    }
    if (byte === bytes[i]) found[i] = unit;
  }
  return found;
}

/** Bytes after which a quote is cut, less what a character takes. */
const cutQuoteBytes = 509;

/** Whether a quote is of these very characters. An asterisk stands for one that must not be repeated; a long quote is cut. */
export function isQuoted(part: string, quote: string): boolean {
  const chars = [...part];
  const quoted = [...quote];
  if (quoted.length === 0 || quoted.length > chars.length) return false;
  if (quoted.length < chars.length && new TextEncoder().encode(quote).length < cutQuoteBytes) return false;
  return quoted.every((c, i) => c === "*" || c === chars[i]);
}

/** The text that a JSON string holds, which is what analyzers read of a tool's result; undefined when it is none. */
export function heldText(json: string): string | undefined {
  if (!/^\s*"/.test(json)) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "string" ? value : undefined;
  } catch {
    // Cut off or malformed: shown as it stands.
    return undefined;
  }
}
