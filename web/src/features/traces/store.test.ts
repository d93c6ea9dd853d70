import { beforeEach, expect, test } from "vitest";
import { toTraceRow } from "../../api/traces";
import { mergeRows, useTracesView } from "./store";

const row = (id: string, spans = 1) => toTraceRow({ traceId: id, spanCount: String(spans) });
const ids = (rows: readonly { id: string }[]) => rows.map((r) => r.id).join(" ");
const view = () => useTracesView.getState();

beforeEach(() => view().clearTail());

test("the newest comes first, and a row that grows stays where it is", () => {
  const rows = mergeRows([row("b"), row("a")], [row("a", 7), row("c"), row("d")]);
  expect(ids(rows)).toBe("d c b a");
  expect(rows.at(-1)?.spans).toBe(7);
});

test("while someone reads, new rows wait and known ones are brought up to date in place", () => {
  view().receive([row("a")], 0, false, new Set());
  view().receive([row("b"), row("a", 5), row("listed", 2)], 3, true, new Set(["listed"]));
  expect(ids(view().arrived)).toBe("a");
  expect(view().arrived[0]?.spans).toBe(5);
  expect(ids(view().waiting)).toBe("b");
  expect(view().skipped).toBe(3);
  view().letIn();
  expect(ids(view().arrived)).toBe("b a");
  expect(view().waiting).toEqual([]);
});

test("the tail does not grow without end", () => {
  expect(
    mergeRows(
      [],
      Array.from({ length: 5000 }, (_, i) => row(`t${i}`)),
    ),
  ).toHaveLength(2000);
});
