// A small Markdown reader for text that nobody vouches for. It yields a tree of plain values, never
// HTML: tags stay text, images become a note with their address, and only http, https and mailto
// addresses become links. What it does not know it shows as it was written.

export type Inline =
  | { type: "text"; text: string }
  | { type: "code"; text: string }
  | { type: "strong" | "em" | "del"; children: Inline[] }
  | { type: "link"; href: string; children: Inline[] }
  | { type: "image"; src: string; alt: string }
  | { type: "break" };

export type Block =
  | { type: "heading"; level: number; children: Inline[] }
  | { type: "paragraph"; children: Inline[] }
  | { type: "code"; language: string; text: string }
  | { type: "quote"; children: Block[] }
  | { type: "list"; ordered: boolean; start: number; items: Block[][] }
  | { type: "table"; head: Inline[][]; rows: Inline[][][] }
  | { type: "rule" };

/** Nesting beyond this is shown as text: quotes in quotes cost stack, and people do not read them. */
const maxDepth = 8;

export function parseMarkdown(source: string, depth = 0): Block[] {
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let i = 0;
  while (i < lines.length) {
    const line = lines[i]!;
    if (line.trim() === "") {
      i++;
      continue;
    }
    const next = depth < maxDepth ? readBlock(lines, i, depth) : undefined;
    if (next) {
      blocks.push(next.block);
      i = next.end;
      continue;
    }
    const start = i;
    do i++;
    while (i < lines.length && lines[i]!.trim() !== "" && !startsBlock(lines, i));
    blocks.push({
      type: "paragraph",
      children: parseInline(
        lines
          .slice(start, i)
          .map((l) => l.trimStart())
          .join("\n"),
      ),
    });
  }
  return blocks;
}

// None of these patterns may try a second way to read the same characters: a line can be as long as
// the sender likes, and each way back costs the length of the line again.
const fence = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})[ \t]*([\w+#.-]*)/;
const heading = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const rule = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const quote = /^ {0,3}> ?/;
const bullet = /^( *)([-*+]|\d{1,9}[.)])(\s+|$)/;

/** The line under a table's head: cells of dashes. */
function isTableRule(line: string): boolean {
  return line.includes("-") && cellsOf(line).every((cell) => /^:?-+:?$/.test(cell));
}

function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
}

/** A heading's text without the marks that may close it. */
function withoutCloser(text: string): string {
  const trimmed = text.trim();
  let end = trimmed.length;
  while (trimmed[end - 1] === "#") end--;
  return end === 0 || /\s/.test(trimmed[end - 1]!) ? trimmed.slice(0, end).trim() : trimmed;
}

function startsBlock(lines: string[], i: number): boolean {
  const line = lines[i]!;
  return fence.test(line) || heading.test(line) || rule.test(line) || quote.test(line) || bullet.test(line);
}

interface Read {
  block: Block;
  end: number;
}

function readBlock(lines: string[], i: number, depth: number): Read | undefined {
  const line = lines[i]!;
  if (fence.test(line)) return readFence(lines, i);
  const h = heading.exec(line);
  if (h) return { block: { type: "heading", level: h[1]!.length, children: parseInline(withoutCloser(h[2]!)) }, end: i + 1 };
  if (rule.test(line)) return { block: { type: "rule" }, end: i + 1 };
  if (quote.test(line)) return readQuote(lines, i, depth);
  if (bullet.test(line)) return readList(lines, i, depth);
  if (line.includes("|") && i + 1 < lines.length && isTableRule(lines[i + 1]!)) {
    return readTable(lines, i);
  }
  return undefined;
}

function readFence(lines: string[], i: number): Read {
  const open = fence.exec(lines[i]!)!;
  const mark = open[1]!;
  const body: string[] = [];
  let end = i + 1;
  for (; end < lines.length; end++) {
    const close = lines[end]!.trim();
    if (close.length >= mark.length && close === mark[0]!.repeat(close.length)) break;
    body.push(lines[end]!);
  }
  return { block: { type: "code", language: open[2]!, text: body.join("\n") }, end: end + 1 };
}

function readQuote(lines: string[], i: number, depth: number): Read {
  const body: string[] = [];
  let end = i;
  for (; end < lines.length && quote.test(lines[end]!); end++) body.push(lines[end]!.replace(quote, ""));
  return { block: { type: "quote", children: parseMarkdown(body.join("\n"), depth + 1) }, end };
}

function readList(lines: string[], i: number, depth: number): Read {
  const first = bullet.exec(lines[i]!)!;
  const indent = first[1]!.length;
  const ordered = /\d/.test(first[2]!);
  const items: string[][] = [];
  let end = i;
  for (; end < lines.length; end++) {
    const line = lines[end]!;
    const m = bullet.exec(line);
    if (m && m[1]!.length <= indent + 1 && !rule.test(line)) {
      if (/\d/.test(m[2]!) !== ordered) break;
      items.push([line.slice(m[0]!.length)]);
    } else if (line.trim() === "") {
      const after = lines[end + 1];
      if (after === undefined || (!/^\s{2,}\S/.test(after) && !bullet.test(after))) break;
      items.at(-1)!.push("");
    } else if (/^\s{2,}/.test(line)) {
      items.at(-1)!.push(line.replace(new RegExp(`^ {1,${indent + first[2]!.length + 1}}`), ""));
    } else if (startsBlock(lines, end)) {
      break;
    } else {
      items.at(-1)!.push(line);
    }
  }
  const start = ordered ? Number.parseInt(first[2]!, 10) : 1;
  return { block: { type: "list", ordered, start, items: items.map((body) => parseMarkdown(body.join("\n"), depth + 1)) }, end };
}

function readTable(lines: string[], i: number): Read {
  const cells = (line: string) => cellsOf(line).map((cell) => parseInline(cell));
  const rows: Inline[][][] = [];
  let end = i + 2;
  for (; end < lines.length && lines[end]!.includes("|"); end++) rows.push(cells(lines[end]!));
  return { block: { type: "table", head: cells(lines[i]!), rows }, end };
}

/** True for addresses that may become a link. */
function isSafeHref(href: string): boolean {
  return /^(https?:\/\/|mailto:)[^\s]+$/i.test(href);
}

/** Where a text occurs from a place on. Asked with growing places, it reads the source once. */
class Finder {
  #found = -2;
  constructor(
    private readonly source: string,
    private readonly needle: string,
  ) {}

  /** The first occurrence at or after `from`; the length of the source when there is none. */
  next(from: number): number {
    if (this.#found < from) {
      const at = this.source.indexOf(this.needle, from);
      this.#found = at < 0 ? this.source.length : at;
    }
    return this.#found;
  }
}

/** Places in growing order, walked with growing questions. */
class Places {
  #next = 0;
  constructor(readonly at: number[]) {}

  /** The first place at or after `from`, and -1 when there is none. */
  next(from: number): number {
    while (this.#next < this.at.length && this.at[this.#next]! < from) this.#next++;
    return this.at[this.#next] ?? -1;
  }
}

function placesOf(source: string, pattern: RegExp): Places {
  return new Places(Array.from(source.matchAll(pattern), (m) => m.index));
}

/** Runs of backticks by their width: a run ends what a run of the same width began. */
function ticksOf(source: string): Map<number, Places> {
  const runs = new Map<number, Places>();
  for (const { 0: run, index } of source.matchAll(/`+/g)) {
    const same = runs.get(run.length);
    if (same) same.at.push(index);
    else runs.set(run.length, new Places([index]));
  }
  return runs;
}

/**
 * Where each kind of emphasis may end: behind a character that is no space, and a lone mark not
 * inside of a word. The last of a run of marks counts, so that ***both*** ends as it began.
 */
const closers = {
  "**": /(?<=\S)\*\*(?!\*)/g,
  __: /(?<=\S)__(?![\w_])/g,
  "~~": /(?<=\S)~~(?!~)/g,
  "*": /(?<=[^\s*])\*(?![\w*])/g,
  _: /(?<=[^\s_])_(?!\w)/g,
} as const;
type Mark = keyof typeof closers;

/** Where something may begin. What stands between two of these is text. */
const openers = /[`![*_~\\]|https?:\/\/|(?<! ) {2,}\n/g;
const word = /\w/;

interface Inlined {
  node: Inline;
  end: number;
}

/**
 * Reads the inline marks of one source in one pass: every search goes on where the last one ended,
 * so that a text made of openers alone takes as long as any other of its length.
 */
class InlineReader {
  readonly #source: string;
  readonly #depth: number;
  readonly #lines: Finder;
  readonly #brackets: Finder;
  readonly #parens: Finder;
  readonly #closers = new Map<Mark, Places>();
  #ticks: Map<number, Places> | undefined;

  constructor(source: string, depth: number) {
    this.#source = source;
    this.#depth = depth;
    this.#lines = new Finder(source, "\n");
    this.#brackets = new Finder(source, "]");
    this.#parens = new Finder(source, ")");
  }

  /** What begins at `at`; undefined when it is only a character. */
  read(at: number): Inlined | undefined {
    const source = this.#source;
    switch (source[at]) {
      case "`":
        return this.#code(at);
      case "!":
        return source[at + 1] === "[" ? this.#link(at + 1, true) : undefined;
      case "[":
        return this.#link(at, false);
      case "~":
        return this.#emphasis(at, "~~", "del");
      case "*":
        return this.#emphasis(at, "**", "strong") ?? this.#emphasis(at, "*", "em");
      case "_":
        return this.#emphasis(at, "__", "strong") ?? this.#emphasis(at, "_", "em");
      case "\\":
        return /[\\`*_{}[\]()#+.!|~>-]/.test(source[at + 1] ?? "") ? { node: { type: "text", text: source[at + 1]! }, end: at + 2 } : undefined;
      case " ":
        return { node: { type: "break" }, end: this.#lines.next(at) + 1 };
      default:
        return this.#address(at);
    }
  }

  /** As many backticks as opened it close it. */
  #code(at: number): Inlined | undefined {
    const open = /`+/y;
    open.lastIndex = at;
    const width = open.exec(this.#source)![0].length;
    this.#ticks ??= ticksOf(this.#source);
    const end = this.#ticks.get(width)?.next(at + width) ?? -1;
    if (end < 0) return { node: { type: "text", text: "`".repeat(width) }, end: at + width };
    return { node: { type: "code", text: this.#source.slice(at + width, end).trim() }, end: end + width };
  }

  /** [text](address) on one line, whatever stands behind the address left out. */
  #link(at: number, isImage: boolean): Inlined | undefined {
    const source = this.#source;
    const close = this.#brackets.next(at + 1);
    if (source[close + 1] !== "(" || close > this.#lines.next(at)) return undefined;
    const end = this.#parens.next(close + 2);
    if (end === source.length || end > this.#lines.next(at)) return undefined;
    const said = source.slice(at + 1, close);
    const address = /^\S*/.exec(source.slice(close + 2, end))![0];
    if (isImage) return { node: { type: "image", alt: said, src: address }, end: end + 1 };
    if (said === "" || !isSafeHref(address)) return { node: { type: "text", text: source.slice(at, end + 1) }, end: end + 1 };
    return { node: { type: "link", href: address, children: parseInline(said, this.#depth + 1) }, end: end + 1 };
  }

  #emphasis(at: number, mark: Mark, type: "strong" | "em" | "del"): Inlined | undefined {
    const source = this.#source;
    const from = at + mark.length;
    if (!source.startsWith(mark, at) || /\s/.test(source[from] ?? " ")) return undefined;
    const isSingle = mark.length === 1;
    const before = source[at - 1] ?? "";
    if ((isSingle || mark === "__") && word.test(before)) return undefined;
    if (isSingle && (before === mark || source[from] === mark)) return undefined;
    let places = this.#closers.get(mark);
    if (!places) this.#closers.set(mark, (places = placesOf(source, closers[mark])));
    const end = places.next(from + 1);
    if (end < 0 || (type !== "strong" && end > this.#lines.next(at))) return undefined;
    return { node: { type, children: parseInline(source.slice(from, end), this.#depth + 1) }, end: end + mark.length };
  }

  #address(at: number): Inlined | undefined {
    const address = /https?:\/\/[^\s<>()\]"'`]+/y;
    address.lastIndex = at;
    const whole = address.exec(this.#source)?.[0] ?? "";
    let length = whole.length;
    while (length > 0 && ".,;:!?".includes(whole[length - 1]!)) length--;
    const href = whole.slice(0, length);
    if (!/^https?:\/\/./.test(href)) return undefined;
    return { node: { type: "link", href, children: [{ type: "text", text: href }] }, end: at + length };
  }
}

export function parseInline(source: string, depth = 0): Inline[] {
  if (depth >= maxDepth) return [{ type: "text", text: source }];
  const out: Inline[] = [];
  const text = (value: string) => {
    if (value === "") return;
    const last = out.at(-1);
    if (last?.type === "text") last.text += value;
    else out.push({ type: "text", text: value });
  };
  const reader = new InlineReader(source, depth);
  let done = 0;
  for (const m of source.matchAll(openers)) {
    if (m.index < done) continue;
    const found = reader.read(m.index);
    if (!found) continue;
    text(source.slice(done, m.index));
    done = found.end;
    if (found.node.type === "text") text(found.node.text);
    else out.push(found.node);
  }
  text(source.slice(done));
  return out;
}

/** The text of Markdown on one line, without its marks: for lists, where marks are noise. */
export function plainText(source: string): string {
  const line = source
    .replace(/^[ \t]{0,3}(?:#{1,6}[ \t]|>[ \t]?|[-*+][ \t]|`{3,}.*$)/gm, "")
    .replace(/\s+/g, " ")
    .trim();
  return parseInline(line).map(said).join("");
}

function said(node: Inline): string {
  switch (node.type) {
    case "text":
      // A preview is cut off: the mark that closes may be missing.
      return node.text.replace(/\*{2,}|`{3,}/g, "");
    case "code":
      return node.text;
    case "image":
      return node.alt;
    case "break":
      return " ";
    default:
      return node.children.map(said).join("");
  }
}
