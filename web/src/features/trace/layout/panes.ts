// Which panes of a trace are seen. The address may leave it open; the window decides then.

export type PanesShown = "both" | "timeline" | "read";

/**
 * A narrow window has room for one pane: a link to a span leads to the span, one to a trace to its
 * timeline.
 */
export function panesOf(view: "timeline" | "read" | undefined, isNarrow: boolean, hasSpan: boolean): PanesShown {
  if (view !== undefined) return view;
  if (!isNarrow) return "both";
  return hasSpan ? "read" : "timeline";
}
