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
  }, [signature, add, remove]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Runs the command whose key was pressed. Modified keys and typing in a field are left alone. */
export function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  // A dialog has its own keys.
  if (document.querySelector("[data-modal]")) return;
  const own = event.target instanceof HTMLElement && event.target.closest("[role=menu],[role=listbox],[role=tablist],[role=separator]");
  if (own && event.key.length > 1) return;
  const pressesButton = event.key === "Enter" && event.target instanceof HTMLElement && event.target.closest("button,a,[role=button],summary");
  if (pressesButton) return;
  // The newest registration wins: a view's key before the shell's.
  const command = useCommandRegistry.getState().commands.findLast((c) => c.keys.includes(event.key));
  if (!command) return;
  event.preventDefault();
  command.run();
}
