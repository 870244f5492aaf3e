import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boardColumns, type BoardRow, readView, rowsOf, sortValue, usualView, writeView } from "./board-row.ts";

const rowArbitrary: fc.Arbitrary<BoardRow> = fc.record({
  id: fc.string({ unit: fc.constantFrom("a", "b", "0", "9"), minLength: 1, maxLength: 4 }),
  title: fc.constantFrom("design 9", "design 10", "music 1", ""),
  category: fc.constantFrom("design", "music"),
  teacher: fc.constantFrom("t1", "t2"),
  price: fc.integer({ min: 1, max: 300 }),
  optimal: fc.integer({ min: 1, max: 300 }),
  gain: fc.double({ min: -5, max: 20, noNaN: true }),
  confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  risk: fc.constantFrom("low", "medium", "high"),
  action: fc.constantFrom("increase", "decrease", "hold"),
  revenue: fc.integer({ min: 0, max: 1_000 }),
  enrollments: fc.integer({ min: 0, max: 50 }),
  conversion: fc.double({ min: 0, max: 1, noNaN: true }),
  elasticity: fc.double({ min: -3, max: 0, noNaN: true }),
  identified: fc.boolean(),
});
const viewArbitrary = fc.record({
  search: fc.constantFrom("", "des", "MUSIC t1", "nothing like it", "9"),
  category: fc.constantFrom("", "design"),
  action: fc.constantFrom("", "hold"),
  risk: fc.constantFrom("", "low"),
  sort: fc.constantFrom(...boardColumns),
  descending: fc.boolean(),
});

describe("rows of a view", () => {
  test("are those that match, each once, in order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(rowArbitrary, { selector: ({ id }) => id, maxLength: 30 }), viewArbitrary, (rows, view) => {
        const shown = rowsOf(rows, view);
        const wanted = rows.filter(
          (row) =>
            (view.category === "" || row.category === view.category) &&
            (view.action === "" || row.action === view.action) &&
            (view.risk === "" || row.risk === view.risk) &&
            view.search.toLowerCase().split(" ").every((word) => [row.title, row.id, row.category, row.teacher].some((text) => text.toLowerCase().includes(word))),
        );
        expect(new Set(shown)).toEqual(new Set(wanted));
        for (const [i, row] of shown.slice(1).entries()) {
          const [a, b] = [sortValue(shown[i]!, view.sort), sortValue(row, view.sort)];
          if (typeof a !== "number" || typeof b !== "number") continue;
          expect(view.descending ? a >= b : a <= b).toBe(true);
        }
      }),
    );
  });

  test("numbers in titles count as numbers", () => {
    const row = (title: string): BoardRow => ({ ...fc.sample(rowArbitrary, 1)[0]!, id: title, title });
    expect(rowsOf([row("design 10"), row("design 9")], { ...usualView, sort: "title", descending: false }).map(({ title }) => title)).toEqual(["design 9", "design 10"]);
  });
});

test("a view survives its address", () => {
  fc.assert(fc.property(viewArbitrary, (view) => void expect(readView(writeView(view))).toEqual(view)));
  expect(writeView(usualView)).toBe("");
  expect(readView("?sort=__proto__&risk=&other=1")).toEqual(usualView);
});
