// What was found in the open trace, for whatever shows a text of it.
import { createContext, useContext } from "react";
import type { Finding } from "./layout/findings";

interface Findings {
  findings: readonly Finding[];
  /** The finding whose source is to be scrolled to once it is there. */
  goal: number | undefined;
  setGoal: (n: number | undefined) => void;
}

export const FindingsContext = createContext<Findings>({ findings: [], goal: undefined, setGoal: () => undefined });

export function useFindings(): Findings {
  return useContext(FindingsContext);
}

/** Scrolls to an element of this page and gives it the focus; false when it is not there. */
export function goTo(selector: string): boolean {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) return false;
  for (let fold = found.closest("details"); fold; fold = fold.parentElement?.closest("details") ?? null) fold.open = true;
  found.scrollIntoView({ block: "center", behavior: "smooth" });
  found.focus({ preventScroll: true });
  return true;
}
