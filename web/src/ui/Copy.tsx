import { useState } from "react";
import { Check, Copy as CopyIcon } from "lucide-react";
import { IconButton } from "./Button";

/** Copies a text and says so. */
export function Copy({ text, label }: { text: string | (() => string); label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(typeof text === "string" ? text : text());
    setCopied(true);
  };
  return (
    <IconButton label={copied ? "Copied" : label} onPress={() => void copy()} onHoverEnd={() => setCopied(false)} onBlur={() => setCopied(false)}>
      {copied ? <Check size={14} aria-hidden /> : <CopyIcon size={14} aria-hidden />}
    </IconButton>
  );
}
