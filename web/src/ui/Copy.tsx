import { useState } from "react";
import { Check, Copy as CopyIcon, X } from "lucide-react";
import { IconButton } from "./Button";
import { copyText } from "./clipboard";

const said = { idle: undefined, done: "Copied", failed: "The browser does not allow copying" };

/** Copies a text and says so. */
export function Copy({ text, label }: { text: string | (() => string); label: string }) {
  const [state, setState] = useState<keyof typeof said>("idle");
  const copy = async () => setState((await copyText(typeof text === "string" ? text : text())) ? "done" : "failed");
  const Icon = { idle: CopyIcon, done: Check, failed: X }[state];
  return (
    <IconButton label={said[state] ?? label} onPress={() => void copy()} onHoverEnd={() => setState("idle")} onBlur={() => setState("idle")}>
      <Icon size={14} aria-hidden />
    </IconButton>
  );
}
