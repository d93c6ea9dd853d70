import { describe, expect, test } from "vitest";
import type { ReadingSource } from "../../../api/types";
import { groupReading, matchingSources, placeOf } from "./reading";

const source = (key: string, outcome: string, ...fields: string[]): ReadingSource => ({ key, outcome, fields });

describe("the account of a span", () => {
  const sources = [
    source("gen_ai.operation.name", "filled", "operation"),
    source("a.model", "repeated", "request_model"),
    source("b.model", "conflict", "request_model"),
    source("c.model", "filled", "request_model"),
    source("d.model", "filled", "request_model"),
    source("mine", "ignored"),
    source("both", "filled", "usage.input_tokens", "usage.output_tokens"),
    source("", "derived", "finish_reasons"),
  ];

  test("lists each field with what filled it first, and those in doubt before the others", () => {
    const { fields, unread, conflicts } = groupReading(sources);
    expect(fields.map((f) => `${f.field}: ${f.sources.map((s) => s.key).join(" ")}`)).toEqual([
      "request_model: c.model b.model d.model a.model",
      "operation: gen_ai.operation.name",
      "usage.input_tokens: both",
      "usage.output_tokens: both",
      "finish_reasons: ",
    ]);
    expect(fields.map((f) => f.isDoubtful)).toEqual([true, false, false, false, false]);
    expect(unread.map((s) => s.key)).toEqual(["mine"]);
    expect(conflicts).toBe(1);
  });

  test("a conflict whose fields are not known is not lost", () => {
    const { fields, unread, conflicts } = groupReading([source("x", "conflict")]);
    expect([fields.length, unread.length, conflicts]).toEqual([0, 1, 1]);
  });

  test.each([
    ["", 8],
    ["MODEL", 4],
    ["model conflict", 1],
    ["usage.output", 1],
    ["nothing like it", 0],
  ])("the words %j are in %i lines", (query, count) => expect(matchingSources(sources, query)).toHaveLength(count));

  test.each([
    [{ key: "k" }, "", "k"],
    [{ event: "exception", key: "exception.type" }, "event", "exception / exception.type"],
    [{ event: "gen_ai.choice", logRecord: 0 }, "log record 1", "gen_ai.choice"],
    [{ logRecord: 4 }, "log record 5", ""],
  ])("%j has its place", (s, of, key) => expect(placeOf(s)).toEqual({ of, key }));
});
