// What the report comes to, without a browser.
import type { Finding, Instrumentation, ReadingReport, Share } from "../../api/instrumentation";
import { formatCount, plural } from "../../lib/format";

/** How much is there: a number, or nothing to count. */
export type Measure = "none" | "whole" | "part" | "nothing";

export function measure({ have, of }: Share): Measure {
  if (of === 0) return "none";
  if (have >= of) return "whole";
  return have === 0 ? "nothing" : "part";
}

/** "83%"; what lacks one of a million is not rounded to whole, and what has one is not nothing. */
export function percent({ have, of }: Share): string {
  if (of === 0) return "–";
  const exact = (have / of) * 100;
  if (have >= of) return "100%";
  if (exact > 99) return `${Math.min(99.9, Math.floor(exact * 10) / 10)}%`;
  if (have > 0 && exact < 1) return "<1%";
  return `${Math.round(exact)}%`;
}

/** How many are missing, to the last one: what a rounded share hides. */
export function missing(share: Share): string {
  switch (measure(share)) {
    case "none":
      return "none";
    case "whole":
      return `all ${formatCount(share.of)}`;
    default:
      return `${formatCount(share.of - share.have)} missing`;
  }
}

export function sumOf(rows: readonly Instrumentation[], of: (row: Instrumentation) => Share): Share {
  return rows.reduce((sum, row) => ({ have: sum.have + of(row).have, of: sum.of + of(row).of }), { have: 0, of: 0 });
}

const has = (row: Instrumentation, code: string) => row.findings.find((f) => f.code === code);

/** What to fix, without what is only good to know. */
export function problems(row: Instrumentation): readonly Finding[] {
  return row.findings.filter((f) => !f.isInformation);
}

/** Lost content first, what is only good to know last; else as the server has them. */
export function byWeight(findings: readonly Finding[]): readonly Finding[] {
  const weight = (f: Finding) => (f.code === "content_missing" ? 0 : f.isInformation ? 2 : 1);
  return [...findings].sort((a, b) => weight(a) - weight(b));
}

/** What was lost. The finding counts agents and tools, too; of model calls the shares tell, each of those that could have it. */
function lossOf(rows: readonly Instrumentation[]): string {
  const input = sumOf(rows, (row) => row.input);
  const output = sumOf(rows, (row) => row.output);
  const said: string[] = [];
  if (input.have < input.of) said.push(`${formatCount(input.of - input.have)} of ${plural(input.of, "model call")} came without what was asked`);
  if (output.have < output.of) {
    const lost = formatCount(output.of - output.have);
    said.push(
      said.length > 0
        ? `${lost} of ${plural(output.of, "answered one")} without the answer`
        : `${lost} of ${plural(output.of, "answered model call")} came without the answer`,
    );
  }
  if (said.length > 0) return `${said.join(", ")}.`;
  const spans = rows.reduce((n, row) => n + (has(row, "content_missing")?.spans ?? 0), 0);
  return `${plural(spans, "span")} came without some of their content; no model call lacks its question or its answer.`;
}

/** The report in a sentence: how bad it is, then how much. */
export function verdict({ rows }: ReadingReport): { tone: "well" | "doubt" | "loss"; title: string; text: string } {
  const losing = rows.filter((row) => has(row, "content_missing"));
  if (losing.length > 0) {
    return {
      tone: "loss",
      title: losing.length === 1 ? "One instrumentation loses content" : `${formatCount(losing.length)} instrumentations lose content`,
      text: lossOf(rows),
    };
  }
  const doubtful = rows.filter((row) => problems(row).length > 0);
  if (doubtful.length > 0) {
    return {
      tone: "doubt",
      title: "No content is lost",
      text: `${doubtful.length === 1 ? "One instrumentation leaves" : `${formatCount(doubtful.length)} instrumentations leave`} something else out.`,
    };
  }
  const calls = rows.reduce((n, row) => n + row.modelCalls, 0);
  return {
    tone: "well",
    title: "All is well",
    text:
      calls > 0
        ? `${calls === 1 ? "The model call" : `All ${formatCount(calls)} model calls`} came with all that was expected.`
        : "Nothing is missing, and no model was called.",
  };
}

/** Names an instrumentation of a service in the address. */
export function scopeOf(scopeName: string, scopeVersion: string): string {
  return scopeVersion ? `${scopeName}@${scopeVersion}` : scopeName;
}

/** Which finding is open, as the address says it. */
export interface Opened {
  service?: string | undefined;
  scope?: string | undefined;
  finding?: string | undefined;
}

/** The finding of a row that the address opens: without a scope, that of every instrumentation of the service. */
export function openedOf(row: Instrumentation, at: Opened): Finding | undefined {
  if (at.finding === undefined || (at.service ?? "") !== row.service) return undefined;
  if (at.scope !== undefined && at.scope !== scopeOf(row.scopeName, row.scopeVersion)) return undefined;
  return has(row, at.finding);
}
