import { useEffect, useRef, useState, type PointerEvent } from "react";
import { formatDuration } from "../../lib/time";
import { useMedia } from "../../ui/useMedia";
import { usePreferences } from "../../ui/preferences";
import { fullWindow, type TimeWindow } from "./layout/scale";
import { kinds, type SpanTree } from "./layout/tree";
import { useTraceView } from "./store";
import css from "./Minimap.module.css";

const heightPx = 56;
/** A shorter drag is a click, which shows the whole trace again. */
const minDrag = 0.004;

/** The whole trace at once on a canvas; dragging over it chooses the stretch that the waterfall shows. */
export function Minimap({ tree, window: seen }: { tree: SpanTree; window: TimeWindow }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const set = useTraceView((s) => s.set);
  const theme = usePreferences((s) => s.theme);
  const isDark = useMedia("(prefers-color-scheme: dark)");
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const full = fullWindow(tree.totalNs);

  // External system: the canvas, drawn again when it changes its size or the theme changes.
  useEffect(() => {
    const el = canvas.current!;
    const draw = () => drawTrace(el, tree);
    const observer = new ResizeObserver(draw);
    observer.observe(el);
    draw();
    return () => observer.disconnect();
    // The colours come from the stylesheet, which nothing here reads: the theme starts it again.
    // oxlint-disable-next-line react/exhaustive-effect-dependencies
  }, [tree, theme, isDark]);

  const share = (event: PointerEvent) => {
    const r = canvas.current!.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - r.left) / Math.max(r.width, 1), 0), 1);
  };
  const finish = () => {
    if (!drag) return;
    const [a, b] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    set({ window: b - a < minDrag ? undefined : { fromNs: a * full.toNs, toNs: b * full.toNs } });
    setDrag(null);
  };
  const shown = drag
    ? { left: Math.min(drag.from, drag.to), right: Math.max(drag.from, drag.to) }
    : { left: seen.fromNs / full.toNs, right: seen.toNs / full.toNs };
  const isWhole = shown.left <= 0 && shown.right >= 1;
  return (
    <div
      className={css.map}
      role="img"
      aria-label={`Overview of ${formatDuration(tree.totalNs)}`}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId);
        setDrag({ from: share(e), to: share(e) });
      }}
      onPointerMove={(e) => drag && setDrag({ from: drag.from, to: share(e) })}
      onPointerUp={finish}
      onPointerCancel={() => setDrag(null)}
    >
      <canvas ref={canvas} className={css.canvas} style={{ height: heightPx }} />
      {isWhole ? null : (
        <>
          <span className={css.shade} style={{ left: 0, width: `${shown.left * 100}%` }} />
          <span className={css.shade} style={{ left: `${shown.right * 100}%`, right: 0 }} />
          <span className={css.frame} style={{ left: `${shown.left * 100}%`, width: `${(shown.right - shown.left) * 100}%` }} />
        </>
      )}
    </div>
  );
}

/** Resolves a colour of the stylesheet for the canvas, which knows no custom properties. */
function resolveColor(el: HTMLElement, name: string): string {
  // Not on the way from one colour to the next: people who want less motion get tiny transitions.
  el.style.transition = "none";
  el.style.color = `var(${name})`;
  const color = getComputedStyle(el).color;
  el.style.color = "";
  return color;
}

function drawTrace(el: HTMLCanvasElement, tree: SpanTree): void {
  const context = el.getContext("2d");
  if (!context) return;
  const scale = globalThis.devicePixelRatio || 1;
  const width = Math.round(el.clientWidth * scale);
  const height = Math.round(heightPx * scale);
  el.width = width;
  el.height = height;
  const n = tree.spans.length;
  const total = fullWindow(tree.totalNs).toNs;
  const step = height / Math.max(n, 8);
  const thick = Math.max(scale, Math.min(step * 0.7, 4 * scale));
  const fail = resolveColor(el, "--error-fill");
  const colors = kinds.map((k) => resolveColor(el, `--kind-${k}`));
  // With more spans than pixels, those that would cover the same pixels are drawn once.
  let lastKey = -1;
  const rect = (row: number) => {
    const x = (tree.startNs[row]! / total) * width;
    const w = Math.max(scale, (tree.durationNs[row]! / total) * width);
    const y = row * step;
    const key = (Math.floor(y) * width + Math.floor(x)) * 64 + tree.kind[row]!;
    if (key === lastKey && w < 2) return;
    lastKey = key;
    context.fillRect(x, y, w, thick);
  };
  for (let row = 0; row < n; row++) {
    context.fillStyle = colors[tree.kind[row]!]!;
    rect(row);
  }
  // Errors last, so that nothing covers them.
  context.fillStyle = fail;
  for (let row = 0; row < n; row++) if (tree.failed[row]) rect(row);
}
