import { beforeEach, describe, expect, test } from "vitest";
import { toTraceRow } from "../../api/traces";
import { mergeRows, useTracesView, withArrived } from "./store";

const row = (id: string, spans = 1) => toTraceRow({ traceId: id, spanCount: String(spans) });
const ids = (rows: readonly { id: string }[]) => rows.map((r) => r.id).join(" ");
const view = () => useTracesView.getState();
const receive = (rows: ReturnType<typeof row>[], reading: boolean, known: string[] = [], more = {}) =>
  view().receive({ rows, skipped: 0, lastEventId: "", ...more }, reading, new Set(known));

beforeEach(() => {
  view().begin("another");
  view().begin("test");
});

test("the newest comes first, and a row that grows stays where it is", () => {
  const rows = mergeRows([row("b"), row("a")], [row("a", 7), row("c"), row("d")]);
  expect(ids(rows)).toBe("d c b a");
  expect(rows.at(-1)?.spans).toBe(7);
});

test("an older version of a trace never takes the place of a later one", () => {
  expect(mergeRows([row("a", 7)], [row("a", 3)])[0]?.spans).toBe(7);
  expect(mergeRows([], [row("a", 7), row("a", 3)])[0]?.spans).toBe(7);
  expect(withArrived([row("a", 7)], [row("b"), row("a", 3)]).map((r) => r.spans)).toEqual([1, 7]);
});

test("while someone reads, new rows wait and known ones are brought up to date in place", () => {
  receive([row("a")], false);
  receive([row("b"), row("a", 5), row("listed", 2)], true, ["listed"], { skipped: 3 });
  expect(ids(view().arrived)).toBe("a");
  expect(view().arrived[0]?.spans).toBe(5);
  expect(ids(view().waiting)).toBe("b");
  expect(view().skipped).toBe(3);
  view().letIn();
  expect(ids(view().arrived)).toBe("b a");
  expect(view().waiting).toEqual([]);
});

test("who scrolls up without the pill gets what waited, below what is newer", () => {
  receive([row("a")], false);
  receive([row("b", 2), row("c")], true);
  receive([row("d"), row("b", 4)], false);
  expect(ids(view().arrived)).toBe("d c b a");
  expect(view().arrived.find((r) => r.id === "b")?.spans).toBe(4);
  expect(view().waiting).toEqual([]);
  view().letIn();
  expect(ids(view().arrived)).toBe("d c b a");
});

describe("a question", () => {
  test("asked again keeps what came, and where the tail goes on", () => {
    receive([row("a")], false, [], { lastEventId: "0f" });
    view().begin("test");
    expect(ids(view().arrived)).toBe("a");
    expect(view().lastEventId).toBe("0f");
    receive([], false);
    expect(view().lastEventId).toBe("0f");
  });

  test("that is another begins with nothing", () => {
    receive([row("a")], false, [], { lastEventId: "0f" });
    receive([row("b")], true);
    view().begin("other");
    expect(view()).toMatchObject({ arrived: [], waiting: [], settled: [], lastEventId: "" });
  });

  test("that is refreshed shows what came until the list has it", () => {
    receive([row("a")], false);
    const before = view().now;
    view().refresh();
    expect(ids(view().settled)).toBe("a");
    expect(view().arrived).toEqual([]);
    expect(view().now).toBeGreaterThanOrEqual(before);
  });
});

test("the tail does not grow without end", () => {
  expect(
    mergeRows(
      [],
      Array.from({ length: 5000 }, (_, i) => row(`t${i}`)),
    ),
  ).toHaveLength(2000);
});
