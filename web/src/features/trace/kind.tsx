// How a kind of span looks: one colour and one icon everywhere.
import { Bot, Box, Braces, FileSearch, MessageSquareText, Wrench, type LucideIcon } from "lucide-react";
import type { Kind } from "./layout/tree";

const icons: Record<Kind, LucideIcon> = { agent: Bot, model: MessageSquareText, tool: Wrench, retrieval: FileSearch, embedding: Braces, other: Box };

export const kindNames: Record<Kind, string> = {
  agent: "agent",
  model: "model call",
  tool: "tool call",
  retrieval: "retrieval",
  embedding: "embedding",
  other: "span",
};

export const kindColor = (kind: Kind) => `var(--kind-${kind})`;

export function KindIcon({ kind, size = 14 }: { kind: Kind; size?: number }) {
  const Icon = icons[kind];
  return <Icon size={size} aria-hidden style={{ color: kindColor(kind), flex: "none" }} />;
}
