import type { ReactNode } from "react";
import css from "./Kbd.module.css";

const names: Record<string, string> = { Enter: "↵", Escape: "Esc", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "Space" };

/** A key, as it is written on the keyboard. */
export function Kbd({ children }: { children: ReactNode }) {
  const text = typeof children === "string" ? (names[children] ?? children) : children;
  return <kbd className={css.kbd}>{text}</kbd>;
}
