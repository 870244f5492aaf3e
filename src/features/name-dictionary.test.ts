import { expect, test } from "vitest";
import { MemoryStore } from "./memory-store.ts";
import { NameDictionary } from "./name-dictionary.ts";

test("takes no more names than its bound, keeps those it has, and counts the rest", () => {
  const store = new MemoryStore();
  const names = new NameDictionary(store, { category: 2, teacher: 1 });
  expect(["a", "b", "c", "a", "d"].map((name) => names.ordinal("category", name))).toEqual([0, 1, Number.NaN, 0, Number.NaN]);
  expect(names.ordinal("teacher", "c")).toBe(0);
  expect(names.refused).toBe(2);
  store.commit((batch) => names.write(batch));
  expect(store.names("category")).toEqual(["a", "b"]);
  // What is stored is known again, whatever the bound.
  const reopened = new NameDictionary(store, { category: 1, teacher: 1 });
  expect(["a", "b", "c"].map((name) => reopened.ordinal("category", name))).toEqual([0, 1, Number.NaN]);
});
