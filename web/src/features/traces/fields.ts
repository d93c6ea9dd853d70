// The fields that traces can be filtered by, as the server knows them. A field that is missing here
// can be typed all the same; it is only not offered.
import type { Operator } from "../../lib/filter";

interface Field {
  name: string;
  hint: string;
  type: "text" | "number" | "code";
  /** Values can be offered: the server counts them. */
  facet: boolean;
}

const text = (name: string, hint: string): Field => ({ name, hint, type: "text", facet: true });
const code = (name: string, hint: string): Field => ({ name, hint, type: "code", facet: true });
const number = (name: string, hint: string): Field => ({ name, hint, type: "number", facet: false });

export const fields: readonly Field[] = [
  text("service", "service that sent the span"),
  text("environment", "deployment environment"),
  text("operation", "chat, execute_tool, retrieval, …"),
  text("model", "model that answered, or was asked"),
  text("agent", "name of the agent"),
  text("tool", "name of the executed tool"),
  code("status", "error, or ok: no span failed"),
  text("error.type", "type of the error"),
  text("name", "name of the span"),
  text("provider", "who serves the model"),
  text("framework", "framework that made the call"),
  text("workflow", "name of the workflow"),
  text("conversation", "id of the conversation"),
  text("user", "id of the user"),
  text("prompt.name", "name of the prompt"),
  text("prompt.version", "version of the prompt"),
  text("finish_reason", "why generation stopped"),
  text("warning", "doubt about what was read"),
  text("tag", "tag"),
  text("dialect", "instrumentation dialect"),
  code("kind", "span kind"),
  number("duration", "of a span: 1.5s, 300ms"),
  number("ttft", "time to the first token"),
  number("tokens.input", "input tokens"),
  number("tokens.output", "output tokens"),
  number("tokens.cache_read", "tokens read from a cache"),
  number("tokens.reasoning", "reasoning tokens"),
  number("cost", "in its currency"),
];

const operatorsOf: Record<Field["type"], readonly Operator[]> = {
  text: ["=", "!=", "~"],
  code: ["=", "!="],
  number: [">=", "<=", ">", "<", "=", "!="],
};

export function findField(name: string): Field | undefined {
  return fields.find((f) => f.name === name);
}

/** What an analyzer says is a field of its own: "=" asks for its label, ">" for its probability. */
export const signalField = "signal.";

export function operatorsFor(name: string): readonly Operator[] {
  if (name.startsWith(signalField)) return ["=", "!=", ">=", "<=", ">", "<"];
  return operatorsOf[findField(name)?.type ?? "text"];
}

export const operatorNames: Record<Operator, string> = {
  "=": "is",
  "!=": "is not",
  ">": "more than",
  ">=": "at least",
  "<": "less than",
  "<=": "at most",
  "~": "contains",
};

const labels: Record<string, string> = {
  "error.type": "Error type",
  "prompt.version": "Prompt version",
  finish_reason: "Finish reason",
};

/** The heading of a facet. */
export function labelOf(field: string): string {
  return labels[field] ?? field.charAt(0).toUpperCase() + field.slice(1).replaceAll(/[._]/g, " ");
}
