import { useRef, useState, type PointerEvent } from "react";
import type { Bucket } from "../../api/traces";
import { formatShort, plural } from "../../lib/format";
import { formatClock, formatDay, timeTicks, type TimeRange } from "../../lib/time";
import { usePreferences } from "../../ui/preferences";
import { useWidth } from "../../ui/useWidth";
import css from "./Histogram.module.css";

interface Props {
  data: { stepMs: number; buckets: Bucket[] } | undefined;
  range: TimeRange;
  onSelect: (fromMs: number, toMs: number) => void;
}

/** A drag shorter than this is a click, and selects one bar. */
const minDragPixels = 4;
/** Room for one label of the axis. */
const tickPixels = 88;

/**
 * Traces over time: those that went well rise from the line, those with errors hang below it, so
 * that a few errors among many traces are still seen. Dragging over it selects a stretch of time.
 */
export function Histogram({ data, range, onSelect }: Props) {
  const zone = usePreferences((s) => s.zone);
  const box = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | null>(null);
  const buckets = data?.buckets ?? [];
  const stepMs = data?.stepMs || 1;
  const span = Math.max(range.toMs - range.fromMs, 1);
  const most = Math.max(1, ...buckets.map((b) => b.traces));
  const mostErrors = Math.max(1, ...buckets.map((b) => b.errors));
  const traces = buckets.reduce((n, b) => n + b.traces, 0);
  const errors = buckets.reduce((n, b) => n + b.errors, 0);
  // What could not be counted is not nothing.
  const say = (n: number) => (data ? formatShort(n) : "–");

  const share = (event: PointerEvent) => {
    const r = box.current!.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - r.left) / Math.max(r.width, 1), 0), 1);
  };
  const release = (event: PointerEvent) => {
    if (!drag) return;
    const to = share(event);
    setDrag(null);
    const width = box.current!.getBoundingClientRect().width;
    let [a, b] = [Math.min(drag.from, to), Math.max(drag.from, to)].map((x) => range.fromMs + x * span) as [number, number];
    if (Math.abs(to - drag.from) * width < minDragPixels) {
      const bucket = buckets.find((k) => a >= k.startMs && a < k.startMs + stepMs);
      if (!bucket) return;
      [a, b] = [bucket.startMs, bucket.startMs + stepMs];
    }
    onSelect(Math.floor(a), Math.ceil(b));
  };
  const days = formatDay(range.fromMs, zone) !== formatDay(range.toMs - 1, zone);
  const width = useWidth(box) ?? 720;
  const share100 = (ms: number) => ((ms - range.fromMs) / span) * 100;
  // A label at the very edge would be cut.
  const edge = (tickPixels / 4 / width) * 100;
  const ticks = timeTicks(range, zone, Math.max(2, Math.floor(width / tickPixels))).filter((t) => share100(t.ms) >= edge && share100(t.ms) <= 100 - edge);
  const end = (at: number) => (days ? `${formatDay(range.fromMs + at * span, zone).slice(5)} ` : "") + formatClock(range.fromMs + at * span, zone).slice(0, 5);
  return (
    <figure className={css.figure}>
      <figcaption className={css.caption}>
        <span className={css.total}>
          <b>{say(traces)}</b> {traces === 1 ? "trace" : "traces"}
        </span>
        <span className={css.errors} data-any={errors > 0 ? "" : undefined}>
          <b>{say(errors)}</b> with errors
        </span>
      </figcaption>
      <div
        ref={box}
        className={css.plot}
        role="img"
        aria-label={data ? `${plural(traces, "trace")}, ${formatShort(errors)} with errors, from ${end(0)} to ${end(1)}` : "Traces over time, not counted"}
        onPointerDown={(e) => {
          if (e.button !== 0) return;
          e.currentTarget.setPointerCapture(e.pointerId);
          setDrag({ from: share(e), to: share(e) });
        }}
        onPointerMove={(e) => drag && setDrag({ from: drag.from, to: share(e) })}
        onPointerUp={release}
        onPointerCancel={() => setDrag(null)}
      >
        {buckets.map((b) => {
          const left = Math.max(0, ((b.startMs - range.fromMs) / span) * 100);
          const right = Math.min(100, ((b.startMs + stepMs - range.fromMs) / span) * 100);
          if (right <= left) return null;
          return (
            <div
              key={b.startMs}
              className={css.slot}
              style={{ left: `${left}%`, width: `${right - left}%` }}
              title={`${formatDay(b.startMs, zone)} ${formatClock(b.startMs, zone)} – ${plural(b.traces, "trace")}, ${plural(b.errors, "error")}`}
            >
              <span className={css.up} style={{ height: b.traces ? `max(2px, ${(b.traces / most) * 100}%)` : "0" }} />
              <span className={css.down} style={{ height: b.errors ? `max(2px, ${(b.errors / mostErrors) * 100}%)` : "0" }} />
            </div>
          );
        })}
        {drag ? (
          <span className={css.brush} style={{ left: `${Math.min(drag.from, drag.to) * 100}%`, width: `${Math.abs(drag.to - drag.from) * 100}%` }} />
        ) : null}
      </div>
      <div className={css.axis} aria-hidden>
        {ticks.map((t) => (
          <span key={t.ms} className={css.tick} style={{ left: `${share100(t.ms)}%` }}>
            {t.label}
          </span>
        ))}
      </div>
    </figure>
  );
}
