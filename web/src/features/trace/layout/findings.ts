// What analyzers found in a trace, and where it stands in the texts that are shown.
import type { Passage, WireEvidence, WireSignal } from "../../../api/types";
import { isQuoted, toUtf16 } from "../../../lib/offsets";
import { foundAt, signalKind, signalWord, type SignalKind } from "../../../lib/signals";

/** One reason for a signal that found something. */
export interface Finding {
  /** Counts the findings of the trace, from 1. */
  n: number;
  kind: SignalKind;
  word: string;
  signal: WireSignal;
  evidence: WireEvidence;
}

/** Findings in the order in which the spans began. A history that is sent again is found in again, and counts once. */
export function toFindings(signals: readonly WireSignal[]): Finding[] {
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (const signal of signals) {
    if ((signal.probability ?? 0) < foundAt) continue;
    const name = signal.name ?? "";
    for (const evidence of signal.evidence ?? []) {
      const p = evidence.passage;
      const key = JSON.stringify([
        signalWord(name),
        !p || p.field === "output" ? signal.spanId : p.field,
        p?.part,
        p?.start,
        p?.end,
        p?.quote ?? evidence.reason,
      ]);
      if (seen.has(key)) continue;
      seen.add(key);
      findings.push({ n: findings.length + 1, kind: signalKind(name), word: signalWord(name), signal, evidence });
    }
  }
  return findings;
}

/** Which text is shown: what is left out is not known there, and the quote decides. */
export interface TextPlace {
  spanId?: string | undefined;
  field: string;
  index?: number | undefined;
  part?: number | undefined;
}

/** A stretch of a text: a finding, or the source that one was held against. */
export interface Mark {
  finding: Finding;
  isSource: boolean;
  from: number;
  to: number;
}

/** A quote that is hidden whole says nothing of where it stands. */
const saysSomething = /[\p{L}\p{N}]/u;

function fits(p: Passage, at: TextPlace): boolean {
  if (p.field !== at.field) return false;
  if (at.part !== undefined && (p.part ?? 0) !== at.part) return false;
  if (at.spanId !== undefined && p.spanId !== at.spanId) return false;
  if (at.index !== undefined && (p.index ?? 0) !== at.index) return false;
  return (at.spanId !== undefined && (at.index !== undefined || at.field === "output")) || saysSomething.test(p.quote ?? "");
}

/** The marks in a text, by their beginning. A place that holds other characters than were quoted is not marked. */
export function marksIn(findings: readonly Finding[], at: TextPlace, text: string): Mark[] {
  const wanted: { finding: Finding; passage: Passage; isSource: boolean }[] = [];
  for (const finding of findings) {
    const { passage, source } = finding.evidence;
    if (passage && fits(passage, at)) wanted.push({ finding, passage, isSource: false });
    if (source && fits(source, at)) wanted.push({ finding, passage: source, isSource: true });
  }
  if (wanted.length === 0) return [];
  const offsets = toUtf16(
    text,
    wanted.flatMap(({ passage }) => [passage.start ?? 0, passage.end ?? 0]),
  );
  return wanted
    .flatMap(({ finding, passage, isSource }, i) => {
      const [from, to] = [offsets[2 * i], offsets[2 * i + 1]];
      if (from === undefined || to === undefined || !isQuoted(text.slice(from, to), passage.quote ?? "")) return [];
      return [{ finding, isSource, from, to }];
    })
    .sort((a, b) => a.from - b.from || b.to - a.to);
}

/** A stretch between two borders of marks. */
export interface Piece {
  text: string;
  /** The marks that lie over it. */
  over: readonly Mark[];
  /** Those that end with it. */
  ending: readonly Mark[];
}

/** The text cut at every border of a mark. */
export function cutAtMarks(text: string, marks: readonly Mark[]): Piece[] {
  const borders = [...new Set([0, text.length, ...marks.flatMap((m) => [m.from, m.to])])].sort((a, b) => a - b);
  return borders.slice(0, -1).map((from, i) => {
    const to = borders[i + 1]!;
    const over = marks.filter((m) => m.from <= from && m.to >= to);
    return { text: text.slice(from, to), over, ending: over.filter((m) => m.to === to) };
  });
}
