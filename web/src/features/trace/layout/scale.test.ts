import { expect, test } from "vitest";
import { barOf, clampWindow, fullWindow, ticksOf, zoomWindow } from "./scale";

test("a bar is placed in per cent of what is seen, and cut at the edges", () => {
  const w = { fromNs: 100, toNs: 200 };
  expect(barOf(125, 50, w)).toEqual({ left: 25, width: 50, cutLeft: false, cutRight: false });
  expect(barOf(50, 100, w)).toEqual({ left: 0, width: 50, cutLeft: true, cutRight: false });
  expect(barOf(0, 1000, w)).toEqual({ left: 0, width: 100, cutLeft: true, cutRight: true });
  expect(barOf(201, 10, w)).toBeUndefined();
  expect(barOf(0, 99, w)).toBeUndefined();
});

test("a window stays inside the trace", () => {
  expect(clampWindow({ fromNs: -500, toNs: 4500 }, 10_000)).toEqual({ fromNs: 0, toNs: 5000 });
  expect(clampWindow({ fromNs: 9000, toNs: 14_000 }, 10_000)).toEqual({ fromNs: 5000, toNs: 10_000 });
  expect(clampWindow({ fromNs: -5, toNs: 99_999 }, 10_000)).toEqual(fullWindow(10_000));
  const narrow = clampWindow({ fromNs: 5, toNs: 5 }, 10_000);
  expect(narrow.toNs - narrow.fromNs).toBe(1000);
});

test("zooming keeps the point under the pointer where it is", () => {
  const w = zoomWindow({ fromNs: 0, toNs: 10_000 }, 2500, 0.5, 10_000);
  expect(w).toEqual({ fromNs: 1250, toNs: 6250 });
  expect((2500 - w.fromNs) / (w.toNs - w.fromNs)).toBe(0.25);
});

const labels = (fromNs: number, toNs: number, axisPixels = 480) =>
  ticksOf({ fromNs, toNs }, axisPixels)
    .map((t) => t.label)
    .filter(Boolean);

test("ticks are round and few", () => {
  expect(labels(0, 4.2e9)).toEqual(["0", "1 s", "2 s", "3 s", "4 s"]);
  expect(labels(0, 900e6)).toEqual(["0", "200 ms", "400 ms", "600 ms", "800 ms"]);
  expect(labels(0, 400e9)).toEqual(["0", "2:00 m", "4:00 m", "6:00 m"]);
  expect(labels(7200e9, 3 * 3600e9)).toEqual(["2:00:00 h", "2:10:00 h", "2:20:00 h", "2:30:00 h", "2:40:00 h", "2:50:00 h"]);
});

test("labels stand apart on an axis of any width, and tell their ticks apart", () => {
  for (const axisPixels of [60, 110, 170, 300, 480, 900]) {
    for (const from of [0, 1e3, 12.345e9, 65e9, 7261e9]) {
      for (const width of [1e3, 5e4, 1e6, 7e8, 3e9, 45e9, 900e9]) {
        const ticks = ticksOf({ fromNs: from, toNs: from + width }, axisPixels);
        expect(ticks.length).toBeGreaterThan(0);
        expect(ticks.length).toBeLessThanOrEqual(7);
        const seen = ticks.filter((t) => t.label);
        expect(new Set(seen.map((t) => t.label)).size).toBe(seen.length);
        if (axisPixels < 300) continue; // two long labels may be all that there is
        for (let i = 1; i < seen.length; i++) {
          expect(((seen[i]!.at - seen[i - 1]!.at) / 100) * axisPixels).toBeGreaterThanOrEqual(seen[i - 1]!.label.length * 6.5);
        }
      }
    }
  }
});
