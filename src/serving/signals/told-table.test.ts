import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { segments } from "../../contracts/segments.ts";
import { type Remembered, ToldTable } from "./told-table.ts";

const remembered: fc.Arbitrary<Remembered> = fc.option(fc.record({ segment: fc.constantFrom(...segments), alerted: fc.boolean() }), { nil: null });
const id = fc.integer({ min: 0, max: 3_000 }).map((number) => `L${number}`);

function filled(entries: readonly (readonly [string, Remembered])[], round = true): { readonly table: ToldTable; readonly map: Map<string, Remembered> } {
  const table = new ToldTable();
  for (const [key, value] of entries) table.set(key, value, round);
  return { table, map: new Map(entries) };
}

function same(table: ToldTable, map: ReadonlyMap<string, Remembered>): void {
  expect(table.size).toBe(map.size);
  for (const [key, value] of map) expect(table.get(key)).toEqual(value);
}

describe("ToldTable", () => {
  test("is a map, written down and read again", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(id, remembered), { maxLength: 3_000, size: "max" }), (entries) => {
        const { table, map } = filled(entries);
        same(table, map);
        same(ToldTable.decode(table.encode())!, map);
        expect(table.get("nobody")).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  test("forgets those that a round did not see, and no others", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(id, remembered), { maxLength: 300 }), fc.boolean(), (entries, round) => {
        const { table, map } = filled(entries, !round);
        const seen = [...map.keys()].filter((_, i) => i % 3 === 0);
        for (const key of seen) table.see(key, round);
        table.set("new", null, round);
        table.forgetOthers(round);
        same(table, new Map([...seen.map((key) => [key, map.get(key)!] as const), ["new", null]]));
        table.see("nobody", round);
        expect(table.get("nobody")).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  test("what is no table is not read as one", () => {
    const { table } = filled([["a", null], ["b", { segment: "hot", alerted: true }]]);
    const bytes = table.encode();
    expect(ToldTable.decode(bytes.subarray(1))).toBeUndefined();
    expect(ToldTable.decode(bytes.map(() => 0))).toBeUndefined();
    expect(ToldTable.decode(bytes.map(() => 255))).toBeUndefined();
    expect(ToldTable.decode(new Uint8Array(0))!.size).toBe(0);
  });

  test("holds a hundred thousand", () => {
    const table = new ToldTable();
    for (let i = 0; i < 100_000; i++) table.set(`L${i}`, { segment: segments[i % 4]!, alerted: i % 5 === 0 }, true);
    expect(table.size).toBe(100_000);
    for (let i = 0; i < 100_000; i += 977) expect(table.get(`L${i}`)).toEqual({ segment: segments[i % 4]!, alerted: i % 5 === 0 });
  });
});
