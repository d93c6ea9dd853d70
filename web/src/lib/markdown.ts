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

const fence = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const heading = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const rule = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const quote = /^ {0,3}> ?/;
const bullet = /^( *)([-*+]|\d{1,9}[.)])(\s+|$)/;
const tableRule = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

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
  if (h) return { block: { type: "heading", level: h[1]!.length, children: parseInline(h[2]!) }, end: i + 1 };
  if (rule.test(line)) return { block: { type: "rule" }, end: i + 1 };
  if (quote.test(line)) return readQuote(lines, i, depth);
  if (bullet.test(line)) return readList(lines, i, depth);
  if (line.includes("|") && i + 1 < lines.length && tableRule.test(lines[i + 1]!) && lines[i + 1]!.includes("-")) {
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
  const cells = (line: string) =>
    line
      .trim()
      .replace(/^\||\|$/g, "")
      .split("|")
      .map((cell) => parseInline(cell.trim()));
  const rows: Inline[][][] = [];
  let end = i + 2;
  for (; end < lines.length && lines[end]!.includes("|"); end++) rows.push(cells(lines[end]!));
  return { block: { type: "table", head: cells(lines[i]!), rows }, end };
}

/** True for addresses that may become a link. */
function isSafeHref(href: string): boolean {
  return /^(https?:\/\/|mailto:)[^\s]+$/i.test(href);
}

const tokens =
  /(`+)([\s\S]*?[^`])\1(?!`)|!\[([^\]\n]*)\]\(([^)\s]*)[^)\n]*\)|\[([^\]\n]+)\]\(([^)\s]+)[^)\n]*\)|(\*\*|__)(?=\S)([\s\S]*?\S)\7|(?<![\w*])([*_])(?=[^\s*_])([^\n]*?[^\s])\9(?![\w*])|~~(?=\S)([^\n]*?\S)~~|(https?:\/\/[^\s<>()\]"'`]+[^\s<>()\]"'`.,;:!?])|\\([\\`*_{}[\]()#+.!|~>-])|( {2,}\n)/g;

export function parseInline(source: string, depth = 0): Inline[] {
  const out: Inline[] = [];
  const text = (value: string) => {
    if (value === "") return;
    const last = out.at(-1);
    if (last?.type === "text") last.text += value;
    else out.push({ type: "text", text: value });
  };
  if (depth >= maxDepth) return [{ type: "text", text: source }];
  let at = 0;
  for (const m of source.matchAll(tokens)) {
    text(source.slice(at, m.index));
    at = m.index + m[0].length;
    const node = readInline(m, depth);
    if (node === undefined) text(m[0]);
    else if (node.type === "text") text(node.text);
    else out.push(node);
  }
  text(source.slice(at));
  return out;
}

function readInline(m: RegExpMatchArray, depth: number): Inline | undefined {
  if (m[1] !== undefined) return { type: "code", text: m[2]!.trim() };
  if (m[4] !== undefined) return { type: "image", alt: m[3] ?? "", src: m[4] };
  if (m[6] !== undefined) {
    return isSafeHref(m[6]) ? { type: "link", href: m[6], children: parseInline(m[5]!, depth + 1) } : undefined;
  }
  if (m[7] !== undefined) return { type: "strong", children: parseInline(m[8]!, depth + 1) };
  if (m[9] !== undefined) return { type: "em", children: parseInline(m[10]!, depth + 1) };
  if (m[11] !== undefined) return { type: "del", children: parseInline(m[11], depth + 1) };
  if (m[12] !== undefined) return { type: "link", href: m[12], children: [{ type: "text", text: m[12] }] };
  if (m[13] !== undefined) return { type: "text", text: m[13] };
  return { type: "break" };
}
