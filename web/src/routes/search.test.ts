import { expect, test } from "vitest";
import { parseSearch, stringifySearch } from "./search";

test("filters repeat, the rest are plain words", () => {
  const search = { range: "1h", filter: ["model = a b", "status = error"], query: "refund & more" };
  const text = stringifySearch(search);
  expect(text).toBe("?range=1h&filter=model+%3D+a+b&filter=status+%3D+error&query=refund+%26+more");
  expect(parseSearch(text)).toEqual(search);
});

test("what is empty does not stand in the address", () => {
  expect(stringifySearch({ query: "", range: undefined, filter: [] })).toBe("");
  expect(parseSearch("?query=&filter=")).toEqual({});
});

test("values that look like JSON stay text", () => {
  expect(parseSearch("?query=%5B1%5D&project=true")).toEqual({ query: "[1]", project: "true" });
});
