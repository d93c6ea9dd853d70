// The words for what analyzers find. A signal that is not named here goes by its own name.

/** How a finding is drawn. */
export type SignalKind = "unsupported" | "refusal" | "leak" | "injection" | "other";

const kinds: Record<string, SignalKind> = { grounding: "unsupported", refusal: "refusal", leakage: "leak", injection: "injection" };

/** By the analyzer, which is the first part of a signal's name. */
export function signalKind(name: string): SignalKind {
  return kinds[name.split(".")[0]!] ?? "other";
}

/** A word or two, for badges and marks. */
export function signalWord(name: string): string {
  if (name === "leakage.input") return "personal data"; // it was given, and has not leaked
  const kind = signalKind(name);
  return kind === "other" ? name.replaceAll(/[._]/g, " ") : kind;
}

const titles: Record<string, string> = {
  grounding: "Unsupported answers",
  "grounding.uncertainty": "Uncertainty",
  refusal: "Refusals",
  "refusal.full": "Flat refusals",
  "refusal.wrongful": "Wrongful refusals",
  leakage: "Leaks in answers",
  "leakage.tool": "Leaks to tools",
  "leakage.input": "Personal data given",
  "leakage.prompt": "Prompt given away",
  injection: "Injection by users",
  "injection.indirect": "Injection by content",
  "injection.complied": "Injections obeyed",
  "judge.grounding": "Second opinion on unsupported answers",
};

/** A heading. Of a fact of the answer what it is a fact of: "behaviour.length" is its length. */
export function signalTitle(name: string): string {
  if (titles[name]) return titles[name];
  const words = name.replace(/^behaviour\./, "").replaceAll(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** From here on it is more likely there than not, which is what counts as found. */
export const foundAt = 0.5;

/** 0.873 → "87 %"; what is nearly certain is not called so. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  if (percent < 0.1) return "< 0.1 %";
  if (percent > 99.9) return "> 99.9 %";
  return percent < 10 || percent > 90 ? `${percent.toFixed(1)} %` : `${percent.toFixed(0)} %`;
}

/** A score in its unit (UCUM). */
export function formatScore(score: number, unit: string): string {
  const text = Number.isInteger(score) ? score.toLocaleString("en") : String(Number(score.toPrecision(3)));
  const word = unit.replaceAll(/[{}]/g, "");
  return word === "" || word === "1" ? text : `${text} ${word}${word.length > 2 && score !== 1 ? "s" : ""}`;
}
