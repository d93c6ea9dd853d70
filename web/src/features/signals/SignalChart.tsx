import { useRef, useState } from "react";
import type { SignalSum } from "../../api/signals";
import { formatCount, plural } from "../../lib/format";
import { formatScore, formatShare } from "../../lib/signals";
import { formatClock, formatDay, timeTicks, type TimeRange } from "../../lib/time";
import { usePreferences } from "../../ui/preferences";
import { useWidth } from "../../ui/useWidth";
import { axisTop, figureOf, runsOf, sayFigure, sayInterval } from "./rates";
import css from "./SignalChart.module.css";

interface Props {
  name: string;
  steps: readonly SignalSum[];
  stepMs: number;
  range: TimeRange;
  unit: string;
}

/** Pixels. */
const height = 180;
const tickPixels = 88;

/** A signal over time with its interval. What the pointer is over is said in words below it, and all of it in the table. */
export function SignalChart({ name, steps, stepMs, range, unit }: Props) {
  const zone = usePreferences((s) => s.zone);
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box) ?? 720;
  const [at, setAt] = useState<number | null>(null);
  const figures = steps.map(figureOf);
  const isRate = steps.some((s) => s.rate);
  const most = axisTop(Math.max(...figures.map((f) => f.value), isRate ? 0.02 : 0) * 1.6);
  const top = isRate ? Math.min(most, 1) : most;
  const x = (ms: number) => ((ms - range.fromMs) / Math.max(range.toMs - range.fromMs, 1)) * width;
  const middle = (s: SignalSum) => Math.min(Math.max(x(s.startMs + stepMs / 2), 0), width);
  const y = (value: number) => height - (Math.min(Math.max(value, 0), top) / top) * height;
  const say = (value: number) => (isRate ? formatShare(value) : formatScore(value, "1"));
  const when = (ms: number) => `${formatDay(ms, zone).slice(5)} ${formatClock(ms, zone).slice(0, 5)}`;
  const shown = at === null ? undefined : steps[at];
  const nearest = (clientX: number) => {
    const left = clientX - box.current!.getBoundingClientRect().left;
    return steps.reduce((best, s, i) => (Math.abs(middle(s) - left) < Math.abs(middle(steps[best]!) - left) ? i : best), 0);
  };
  return (
    <figure className={css.figure}>
      <div className={css.plot} ref={box} onPointerMove={(e) => setAt(nearest(e.clientX))} onPointerLeave={() => setAt(null)}>
        <svg
          className={css.svg}
          viewBox={`0 0 ${width} ${height}`}
          height={height}
          role="img"
          aria-label={`${name} over time, ${plural(steps.length, "step")}`}
        >
          {[0, 0.5, 1].map((share) => (
            <line key={share} className={css.grid} x1={0} x2={width} y1={y(share * top)} y2={y(share * top)} />
          ))}
          {runsOf(steps, stepMs).map((run) => (
            <Run key={run[0]!.startMs} run={run} x={middle} y={y} />
          ))}
          {shown ? <line className={css.cursor} x1={middle(shown)} x2={middle(shown)} y1={0} y2={height} /> : null}
        </svg>
        {[0.5, 1].map((share) => (
          <span key={share} className={css.scale} style={{ insetBlockStart: y(share * top) }} aria-hidden>
            {say(share * top)}
          </span>
        ))}
      </div>
      <div className={css.axis} aria-hidden>
        {timeTicks(range, zone, Math.max(2, Math.floor(width / tickPixels)))
          .filter((t) => x(t.ms) > tickPixels / 4 && x(t.ms) < width - tickPixels / 4)
          .map((t) => (
            <span key={t.ms} className={css.tick} style={{ left: x(t.ms) }}>
              {t.label}
            </span>
          ))}
      </div>
      <figcaption className={css.caption}>
        {shown
          ? `${when(shown.startMs)}: ${sayFigure(shown, unit)} (${sayInterval(shown)}) of ${plural(shown.spans, "span")}`
          : isRate
            ? "The line is the share of scored spans in which it was found; the band holds the true share in 95 of 100 cases."
            : "The line is the mean; the band is one standard deviation to each side."}
      </figcaption>
      <details className={css.table}>
        <summary>The numbers</summary>
        <div className={css.scroll}>
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">{isRate ? "Rate" : "Mean"}</th>
                <th scope="col">{isRate ? "95 % interval" : "Spread"}</th>
                <th scope="col">Spans</th>
              </tr>
            </thead>
            <tbody>
              {steps.map((s) => (
                <tr key={s.startMs}>
                  <th scope="row">{when(s.startMs)}</th>
                  <td>{sayFigure(s, unit)}</td>
                  <td>{sayInterval(s)}</td>
                  <td>{formatCount(s.spans)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

/** Steps that follow each other: the band of their intervals, the line, and a dot for each. */
function Run({ run, x, y }: { run: readonly SignalSum[]; x: (s: SignalSum) => number; y: (value: number) => number }) {
  const points = run.map((s) => ({ at: x(s), ...figureOf(s) }));
  const join = (list: readonly string[]) => list.join(" ");
  if (points.length === 1) {
    const [p] = points;
    return (
      <g>
        <line className={css.whisker} x1={p!.at} x2={p!.at} y1={y(p!.low)} y2={y(p!.high)} />
        <circle className={css.dot} cx={p!.at} cy={y(p!.value)} r={3} />
      </g>
    );
  }
  return (
    <g>
      <polygon className={css.band} points={join([...points.map((p) => `${p.at},${y(p.high)}`), ...points.toReversed().map((p) => `${p.at},${y(p.low)}`)])} />
      <polyline className={css.line} points={join(points.map((p) => `${p.at},${y(p.value)}`))} />
    </g>
  );
}

/** The line alone, for a list: each up to its own greatest value. */
export function Spark({ steps, stepMs, range }: Pick<Props, "steps" | "stepMs" | "range">) {
  const [width, tall] = [120, 28];
  const top = Math.max(...steps.map((s) => figureOf(s).value)) || 1;
  const x = (s: SignalSum) => ((s.startMs + stepMs / 2 - range.fromMs) / Math.max(range.toMs - range.fromMs, 1)) * width;
  const y = (value: number) => tall - 1 - (Math.min(Math.max(value, 0), top) / top) * (tall - 2);
  return (
    <svg className={css.spark} viewBox={`0 0 ${width} ${tall}`} preserveAspectRatio="none" aria-hidden>
      {runsOf(steps, stepMs).map((run) => (
        <polyline key={run[0]!.startMs} className={css.thin} points={run.map((s) => `${x(s)},${y(figureOf(s).value)}`).join(" ")} />
      ))}
    </svg>
  );
}
