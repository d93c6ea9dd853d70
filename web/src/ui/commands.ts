// Commands: everything a person can do from the keyboard. A view registers its commands while it is
// mounted; the same list feeds the key handler, the command menu and the help.
import { useEffect, useRef } from "react";
import { create } from "zustand";

export interface Command {
  id: string;
  title: string;
  /** Heading under which help and menu show it. */
  group: string;
  /** Keys as KeyboardEvent.key says them; the first is shown. Empty: only in the menu. */
  keys: readonly string[];
  run: () => void;
}

interface Registry {
  commands: readonly Command[];
  add: (commands: readonly Command[]) => void;
  remove: (commands: readonly Command[]) => void;
}

export const useCommandRegistry = create<Registry>((set) => ({
  commands: [],
  add: (commands) => set((s) => ({ commands: [...s.commands, ...commands] })),
  remove: (commands) => set((s) => ({ commands: s.commands.filter((c) => !commands.includes(c)) })),
}));

/** What help and menu show last: it is the same everywhere. */
const lastGroup = "General";

/**
 * The commands as they work: of those with one id the newest, which a view puts in the place of the
 * shell's, each with the keys that run it and no other.
 */
export function offered(commands: readonly Command[]): Command[] {
  const newest = new Map(commands.map((c) => [c.id, c]));
  const all = [...newest.values()].map((c) => ({ ...c, keys: c.keys.filter((key) => commands.findLast((o) => o.keys.includes(key)) === c) }));
  return [...all.filter((c) => c.group !== lastGroup), ...all.filter((c) => c.group === lastGroup)];
}

/** Offers commands while the calling view is mounted. Their `run` is always the latest. */
export function useCommands(commands: readonly Command[]): void {
  const latest = useRef(commands);
  const { add, remove } = useCommandRegistry.getState();
  // External system: the registry. What is registered changes only with the ids, not on each render.
  const signature = commands.map((c) => `${c.id}\u0000${c.title}\u0000${c.keys.join(" ")}`).join("\n");
  useEffect(() => {
    latest.current = commands;
  });
  useEffect(() => {
    const stable = latest.current.map((c) => ({ ...c, run: () => latest.current.find((l) => l.id === c.id)?.run() }));
    add(stable);
    return () => remove(stable);
    // The signature starts it again: it stands for the list, which is a new one on each render.
    // oxlint-disable-next-line react/exhaustive-effect-dependencies
  }, [signature, add, remove]);
}

/** Inputs that take no text: a ticked box must not silence the keys of the page. */
const pressed = new Set(["checkbox", "radio", "button", "submit", "reset", "color", "file", "image", "range"]);

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !pressed.has(target.type);
  return target instanceof HTMLElement && (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName));
}

const upright = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " "]);
const sideways = new Set(["ArrowLeft", "ArrowRight"]);

/** Whether the focus is in a pane that this key scrolls. The list that the commands walk is none. */
function scrollsPane(target: Element, key: string): boolean {
  if (!upright.has(key) && !sideways.has(key)) return false;
  for (let el: Element | null = target; el && el !== document.body; el = el.parentElement) {
    if (el.matches("[role=grid],[role=treegrid]")) return false;
    const style = getComputedStyle(el);
    const [overflow, isLarger] = upright.has(key) ? [style.overflowY, el.scrollHeight > el.clientHeight] : [style.overflowX, el.scrollWidth > el.clientWidth];
    if (isLarger && /auto|scroll/.test(overflow)) return true;
  }
  return false;
}

/** Whether what has the focus works this key itself. */
function isOwnKey(event: KeyboardEvent): boolean {
  if (!(event.target instanceof HTMLElement)) return false;
  if (event.key.length > 1 && event.target.closest("[role=menu],[role=listbox],[role=tablist],[role=separator]")) return true;
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("button,a,[role=button],summary,input")) return true;
  if (event.target instanceof HTMLInputElement && /^(radio|range)$/.test(event.target.type) && event.key.startsWith("Arrow")) return true;
  return scrollsPane(event.target, event.key);
}

/** Runs the command whose key was pressed. Modified keys and typing in a field are left alone. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isOwnKey(event)) return;
  // A dialog has its own keys.
  if (document.querySelector("[data-modal]")) return;
  // The newest registration wins: a view's key before the shell's.
  const command = useCommandRegistry.getState().commands.findLast((c) => c.keys.includes(event.key));
  if (!command) return;
  event.preventDefault();
  command.run();
}
