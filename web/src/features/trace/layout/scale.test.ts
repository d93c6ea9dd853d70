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

test("ticks are round and few", () => {
  expect(ticksOf({ fromNs: 0, toNs: 4.2e9 }, 5).map((t) => t.label)).toEqual(["0", "1.00 s", "2.00 s", "3.00 s", "4.00 s"]);
  expect(ticksOf({ fromNs: 1e6, toNs: 3e6 }, 4).length).toBeLessThanOrEqual(5);
});
