import { describe, expect, test } from "vitest";
import type { SpanNode } from "../../../api/types";
import { buildTree, findRow, foldFromDepth, hasChildren, kindOf, siblingPlace, unfoldTo, visibleRows } from "./tree";

const at = (ms: number) => new Date(Date.UTC(2026, 10, 24) + ms).toISOString();
const span = (id: string, parent: string, startMs: number, endMs: number, more: Partial<SpanNode> = {}): SpanNode => ({
  spanId: id,
  parentSpanId: parent,
  name: id,
  startTime: at(startMs),
  endTime: at(endMs),
  ...more,
});
const ids = (spans: SpanNode[]) => spans.map((s) => s.spanId).join(" ");

describe("buildTree", () => {
  test("draws parents before children and siblings by start, however they arrive", () => {
    const tree = buildTree([span("b1", "b", 25, 28), span("b", "root", 20, 30), span("a", "root", 5, 10), span("root", "", 0, 40)]);
    expect(ids(tree.spans)).toBe("root a b b1");
    expect([...tree.depth]).toEqual([0, 1, 1, 2]);
    expect([...tree.parent]).toEqual([-1, 0, 0, 2]);
    expect([...tree.end]).toEqual([4, 2, 4, 4]);
    expect(tree.totalNs).toBe(40e6);
  });

  test("keeps nanoseconds apart that a double of epoch nanoseconds would merge", () => {
    const tree = buildTree([
      span("a", "", 0, 1, { startTime: "2026-11-24T00:00:00.000000001Z", endTime: "2026-11-24T00:00:00.000000101Z" }),
      span("b", "", 0, 1, { startTime: "2026-11-24T00:00:00.000000002Z", endTime: "2026-11-24T00:00:00.000000003Z" }),
    ]);
    expect([...tree.startNs]).toEqual([0, 1]);
    expect([...tree.durationNs]).toEqual([100, 1]);
  });

  test("shows a span whose parent never came as a root, and says so", () => {
    const tree = buildTree([span("a", "gone", 0, 5), span("a1", "a", 1, 2)]);
    expect([...tree.depth]).toEqual([0, 1]);
    expect([...tree.orphan]).toEqual([1, 0]);
  });

  test("cuts circles and keeps every span", () => {
    const tree = buildTree([span("a", "b", 0, 1), span("b", "c", 1, 2), span("c", "a", 2, 3), span("d", "d", 3, 4)]);
    expect(tree.spans).toHaveLength(4);
    expect(new Set(tree.spans.map((s) => s.spanId)).size).toBe(4);
    expect(tree.spans.filter((_, row) => tree.circular[row]).map((s) => s.spanId)).toEqual(["d", "a"]);
    expect([...tree.orphan]).toEqual([0, 0, 0, 0]);
  });

  test("a circle is cut at its own earliest span, whatever hangs on it", () => {
    const tree = buildTree([span("hung", "b", 0, 1), span("b", "a", 3, 4), span("a", "b", 2, 5)]);
    expect(tree.spans.map((s) => s.spanId)).toEqual(["a", "b", "hung"]);
    expect([...tree.circular]).toEqual([1, 0, 0]);
    expect([...tree.depth]).toEqual([0, 1, 2]);
  });

  test("an end before the start is no negative length", () => {
    expect([...buildTree([span("a", "", 10, 5)]).durationNs]).toEqual([0]);
  });

  test("counts failures below a row", () => {
    const failed = { error: {} };
    const tree = buildTree([span("r", "", 0, 9), span("a", "r", 1, 2, failed), span("b", "r", 3, 4), span("b1", "b", 3, 4, { error: { type: "timeout" } })]);
    expect([...tree.failed]).toEqual([0, 1, 0, 1]);
    expect([...tree.failedBelow]).toEqual([2, 0, 1, 0]);
  });

  test("takes a chain of 50,000 spans without recursion", () => {
    const chain = Array.from({ length: 50_000 }, (_, i) => span(`s${i}`, i ? `s${i - 1}` : "", i, 100_000));
    const tree = buildTree(chain);
    expect(tree.depth[49_999]).toBe(49_999);
    expect(tree.end[0]).toBe(50_000);
  });

  test("an empty trace is an empty tree", () => {
    expect(buildTree([]).spans).toEqual([]);
  });
});

describe("folding", () => {
  const tree = buildTree([span("r", "", 0, 9), span("a", "r", 1, 2), span("a1", "a", 1, 2), span("a2", "a", 2, 2), span("b", "r", 3, 4)]);
  test("a folded span hides its subtree and nothing else", () => {
    expect([...visibleRows(tree, new Set())]).toEqual([0, 1, 2, 3, 4]);
    expect([...visibleRows(tree, new Set(["a"]))]).toEqual([0, 1, 4]);
    expect([...visibleRows(tree, new Set(["r", "a"]))]).toEqual([0]);
  });
  test("a span that comes late moves rows, and what was folded stays folded", () => {
    const late = buildTree([span("early", "r", 0, 1), ...tree.spans]);
    expect([...visibleRows(late, new Set(["a"]))].map((row) => late.spans[row]!.spanId)).toEqual(["r", "early", "a", "b"]);
  });
  test("unfolding to a row opens its ancestors only", () => {
    expect([...unfoldTo(tree, new Set(["r", "a"]), 2)]).toEqual([]);
    expect([...unfoldTo(tree, new Set(["r", "a"]), 1)]).toEqual(["a"]);
    const same = new Set(["a"]);
    expect(unfoldTo(tree, same, 4)).toBe(same);
  });
  test("folding from a depth folds parents only", () => {
    expect([...foldFromDepth(tree, 1)]).toEqual(["a"]);
    expect(hasChildren(tree, 4)).toBe(false);
  });
});

test("findRow goes round the end and gives up after one round", () => {
  const tree = buildTree([span("r", "", 0, 9), span("a", "r", 1, 2), span("b", "r", 3, 4)]);
  expect(findRow(tree, 2, 1, (row) => row === 0)).toBe(0);
  expect(findRow(tree, 0, -1, (row) => row === 2)).toBe(2);
  expect(findRow(tree, 0, 1, () => false)).toBe(-1);
});

test("siblingPlace counts siblings", () => {
  const tree = buildTree([span("r", "", 0, 9), span("a", "r", 1, 2), span("a1", "a", 1, 2), span("b", "r", 3, 4)]);
  expect(siblingPlace(tree, 3)).toEqual({ position: 2, size: 2 });
  expect(siblingPlace(tree, 0)).toEqual({ position: 1, size: 1 });
});

test("kindOf knows the operations and calls the rest other", () => {
  expect(["chat", "invoke_agent", "execute_tool", "rerank", "embeddings", "", "new_thing"].map(kindOf)).toEqual([
    "model",
    "agent",
    "tool",
    "retrieval",
    "embedding",
    "other",
    "other",
  ]);
});
