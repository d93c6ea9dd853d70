import { describe, expect, test } from "vitest";
import type { SignalInfo, SignalSum } from "../../api/signals";
import { axisTop, figureOf, filtersFor, listSignals, runsOf, sayCorrected, sayFigure, sayInterval } from "./rates";

const sum = (more: Partial<SignalSum> = {}): SignalSum => ({
  startMs: 0,
  value: "",
  spans: 4,
  rate: undefined,
  corrected: undefined,
  mean: 0,
  deviation: 0,
  labels: [],
  ...more,
});
const info = (name: string, detects = true): SignalInfo => ({ name, meaning: "", unit: "1", labels: [], detects, analyzer: "a 1" });
const rate = { found: 1, share: 0.25, low: 0.05, high: 0.7 };

describe("figures", () => {
  test("a corrected rate says by what", () => {
    expect(sayCorrected({ share: 0.024, low: 0.011, high: 0.04, sensitivity: 0.8, specificity: 0.95 })).toBe(
      "Corrected for the detector's own errors: 2.4 % (1.1 % to 4.0 %). Of your labelled answers it found 80 % of those that are so, and passed 95.0 % of those that are not.",
    );
  });

  test("a detector has a rate, a fact a mean", () => {
    expect(figureOf(sum({ rate }))).toEqual({ value: 0.25, low: 0.05, high: 0.7 });
    expect(figureOf(sum({ mean: 10, deviation: 3 }))).toEqual({ value: 10, low: 7, high: 13 });
    expect([sayFigure(sum({ rate }), "1"), sayInterval(sum({ rate }))]).toEqual(["25 %", "5.0 % to 70 %"]);
    expect([sayFigure(sum({ mean: 1234.5, deviation: 40 }), "{character}"), sayInterval(sum({ deviation: 40 }))]).toEqual(["1230 characters", "± 40"]);
  });

  test.each([
    [0, 1],
    [0.04, 0.05],
    [0.11, 0.2],
    [1, 1],
    [620, 1000],
  ])("an axis for %d ends at %d", (value, top) => {
    expect(axisTop(value)).toBeCloseTo(top, 12);
  });
});

test("detectors come first, and what only the data knows last", () => {
  const series = {
    stepMs: 1000,
    signals: new Map([
      ["refusal", { total: sum({ rate }), steps: [] }],
      ["old", { total: sum({ mean: 2 }), steps: [] }],
    ]),
  };
  const listed = listSignals([info("behaviour.length", false), info("refusal"), info("grounding")], series);
  expect(listed.map((s) => [s.info.name, s.total?.spans])).toEqual([
    ["refusal", 4],
    ["grounding", undefined],
    ["behaviour.length", undefined],
    ["old", 4],
  ]);
});

test("a row leads to the traces that it counts", () => {
  expect(filtersFor(info("refusal"))).toEqual(["signal.refusal >= 0.5"]);
  expect(filtersFor(info("refusal"), "model", "gpt 4")).toEqual(["signal.refusal >= 0.5", "model = gpt 4"]);
  expect(filtersFor(info("refusal"), "label", "full")).toEqual(["signal.refusal = full"]);
  expect(filtersFor(info("behaviour.length", false), "service", "")).toEqual(['service = ""']);
});

test("a line ends where nothing was scored", () => {
  const at = (ms: number) => sum({ startMs: ms });
  expect(runsOf([at(0), at(10), at(30), at(40)], 10).map((run) => run.map((s) => s.startMs))).toEqual([
    [0, 10],
    [30, 40],
  ]);
});
