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

const labels = (fromNs: number, toNs: number) => ticksOf({ fromNs, toNs }, 5).map((t) => t.label);

test("ticks are round and few", () => {
  expect(labels(0, 4.2e9)).toEqual(["0", "1 s", "2 s", "3 s", "4 s"]);
  expect(ticksOf({ fromNs: 1e6, toNs: 3e6 }, 4).length).toBeLessThanOrEqual(5);
  expect(labels(0, 900e6)).toEqual(["0", "200 ms", "400 ms", "600 ms", "800 ms"]);
  expect(labels(0, 400e9)).toEqual(["0", "2:00 m", "4:00 m", "6:00 m"]);
  expect(labels(7200e9, 3 * 3600e9)).toEqual(["2:00:00 h", "2:15:00 h", "2:30:00 h", "2:45:00 h", "3:00:00 h"]);
});

test("a narrow window late in a trace tells its ticks apart", () => {
  expect(labels(12.345e9, 12.346e9)).toEqual(["12.3450 s", "12.3452 s", "12.3454 s", "12.3456 s", "12.3458 s", "12.3460 s"]);
  expect(labels(65e9, 65.001e9).every((label) => label.startsWith("1:05.0"))).toBe(true);
  for (const from of [0, 1e3, 12.345e9, 65e9, 7261e9]) {
    for (const width of [1e3, 5e4, 1e6, 7e8, 3e9, 45e9, 900e9]) {
      const ticks = ticksOf({ fromNs: from, toNs: from + width }, 5);
      expect(new Set(ticks.map((t) => t.label)).size).toBe(ticks.length);
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.length).toBeGreaterThan(0);
    }
  }
});
