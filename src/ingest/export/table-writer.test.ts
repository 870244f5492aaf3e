import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Cell, type Column, type Row, tableFormats } from "./table.ts";
import { openTableSet, openTableWriter } from "./table-writer.ts";
import { readTable } from "./testing/read-table.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-tables-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const columns: readonly Column[] = [
  { name: "id", type: "string" },
  { name: 'na"me, or\nnot', type: "string", nullable: true },
  { name: "tokens", type: "integer" },
  { name: "change", type: "integer", nullable: true },
  { name: "rate", type: "double" },
  { name: "score", type: "double", nullable: true },
  { name: "kept", type: "boolean" },
  { name: "asked", type: "boolean", nullable: true },
  { name: "time", type: "timestamp" },
  { name: "ended", type: "timestamp", nullable: true },
  { name: "day", type: "date" },
  { name: "last_day", type: "date", nullable: true },
];

const DAY_MS = 86_400_000;
const nasty = fc.string({ unit: fc.oneof(fc.constantFrom(",", '"', "\n", "\r", "\0", " ", "'", "=", "\ufeff", "é", "日", "😀", "\\", "\t", ";"), fc.string({ unit: "binary", minLength: 1, maxLength: 1 })), maxLength: 12 });
const time = fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 });
const day = time.map((ms) => Math.floor(ms / DAY_MS) * DAY_MS).filter((ms) => ms >= -62_167_219_200_000);
const whole = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
// What has no sign in text has none in the other formats either.
const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const or = (cells: fc.Arbitrary<Cell>): fc.Arbitrary<Cell> => fc.option(cells, { nil: null });
const rows = fc.array(fc.tuple(nasty, or(nasty), whole, or(whole), double, or(double), fc.boolean(), or(fc.boolean()), time, or(time), day, or(day)), { maxLength: 20 });

const asBigInt = (row: Row): Row => row.map((cell, i) => (columns[i]!.type === "integer" && cell !== null ? BigInt(cell) : cell));

describe.each(tableFormats)("%s", (format) => {
  test("reads back as it was written, whatever the cells hold", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(20), async (written, cut) => {
        const path = join(directory, `table.${format}`);
        const writer = openTableWriter(format, path, "things", columns, { force: true });
        writer.write(written.slice(0, cut));
        writer.write(written.slice(cut));
        await writer.close();
        expect(await readTable(format, path, "things", columns)).toEqual(written.map(asBigInt));
      }),
      { numRuns: 60 },
    );
  });

  test("half a character is the sign for one that is missing", async () => {
    const path = join(directory, "halves");
    const text: readonly Column[] = [{ name: "text", type: "string" }];
    const writer = openTableWriter(format, path, "halves", text);
    writer.write([["a\ud83d"], ["\udc00b"], ["\ud83d\0"], ["\ud83d\udc00"]]);
    await writer.close();
    expect(await readTable(format, path, "halves", text)).toEqual([["a\ufffd"], ["\ufffdb"], ["\ufffd\0"], ["\ud83d\udc00"]]);
  });

  test("many rows are written as they come", async () => {
    const path = join(directory, "many");
    const narrow: readonly Column[] = [
      { name: "n", type: "integer" },
      { name: "text", type: "string" },
    ];
    const row = (n: number): Row => [BigInt(n), `row ${n % 1_000}`];
    const writer = openTableWriter(format, path, "many", narrow);
    for (let n = 0; n < 300_000; n += 1_000) writer.write(Array.from({ length: 1_000 }, (_, i) => row(n + i)));
    await writer.close();
    const read = await readTable(format, path, "many", narrow);
    expect(read.length).toBe(300_000);
    expect(read.every(([n, text], i) => n === BigInt(i) && text === `row ${i % 1_000}`)).toBe(true);
  });

  test("the name stands for nothing until the table is whole, and for nothing after it was given up", async () => {
    const path = join(directory, "table");
    const given_up = openTableWriter(format, path, "things", [{ name: "n", type: "integer" }]);
    given_up.write([[1], [2]]);
    expect(existsSync(path)).toBe(false);
    given_up.discard();
    expect(readdirSync(directory)).toEqual([]);

    const writer = openTableWriter(format, path, "things", [{ name: "n", type: "integer" }]);
    writer.write([[1]]);
    await writer.close();
    writer.discard();
    given_up.discard();
    expect(readdirSync(directory)).toEqual(["table"]);
  });

  test("a file that exists is not replaced, unless asked", async () => {
    const path = join(directory, "table");
    writeFileSync(path, "mine");
    const one: readonly Column[] = [{ name: "n", type: "integer" }];
    expect(() => openTableWriter(format, path, "things", one)).toThrow(expect.objectContaining({ code: "file_exists" }));
    // It may also appear while the table is written.
    rmSync(path);
    const late = openTableWriter(format, path, "things", one);
    writeFileSync(path, "mine");
    await expect(late.close()).rejects.toMatchObject({ code: "file_exists" });
    expect(readFileSync(path, "utf8")).toBe("mine");
    expect(readdirSync(directory)).toEqual(["table"]);

    const forced = openTableWriter(format, path, "things", one, { force: true });
    forced.write([[7]]);
    expect(readFileSync(path, "utf8")).toBe("mine");
    await forced.close();
    expect(await readTable(format, path, "things", one)).toEqual([[7n]]);
    expect(() => openTableWriter(format, directory, "things", one, { force: true })).toThrow(expect.objectContaining({ code: "file_exists" }));
    expect(() => openTableWriter(format, join(directory, "none", "table"), "things", one)).toThrow(expect.objectContaining({ code: "no_directory" }));
  });

  test("a cell that is not of its column's type is refused, the same in every format", () => {
    const refused: readonly (readonly [Column, Cell])[] = [
      [{ name: "a", type: "string" }, null],
      [{ name: "a", type: "string" }, 1],
      [{ name: "a", type: "integer" }, 0.5],
      [{ name: "a", type: "integer" }, 2 ** 53],
      [{ name: "a", type: "integer" }, 2n ** 63n],
      [{ name: "a", type: "double" }, Number.NaN],
      [{ name: "a", type: "double" }, 1n],
      [{ name: "a", type: "boolean" }, 1],
      [{ name: "a", type: "timestamp" }, 1e15],
      [{ name: "a", type: "date" }, "2026-01-01"],
    ];
    for (const [column, cell] of refused) {
      const writer = openTableWriter(format, join(directory, "table"), "things", [column]);
      expect(() => writer.write([[cell]])).toThrow(TypeError);
      writer.discard();
    }
    expect(readdirSync(directory)).toEqual([]);
  });

  test("several tables get their names together", async () => {
    const path = join(directory, "all");
    const one: readonly Column[] = [{ name: "n", type: "integer" }];
    const given_up = openTableSet(format, path);
    given_up.open("a", one).write([[1]]);
    given_up.open("b", one);
    given_up.discard();
    expect(readdirSync(directory)).toEqual([]);

    const set = openTableSet(format, path);
    set.open("a", one).write([[1]]);
    const b = set.open("b", one);
    b.write([[2], [3]]);
    b.end();
    b.end();
    set.open("none", one);
    await set.close();
    const of = (table: string): string => (format === "sqlite" ? path : join(path, `${table}.${format}`));
    expect(await readTable(format, of("a"), "a", one)).toEqual([[1n]]);
    expect(await readTable(format, of("b"), "b", one)).toEqual([[2n], [3n]]);
    expect(await readTable(format, of("none"), "none", one)).toEqual([]);
    expect(format === "sqlite" ? readdirSync(directory) : readdirSync(path).sort()).toEqual(format === "sqlite" ? ["all"] : [`a.${format}`, `b.${format}`, `none.${format}`]);
  });
});

test("CSV tells a missing text from an empty one", async () => {
  const path = join(directory, "table.csv");
  const writer = openTableWriter("csv", path, "things", [{ name: "a", type: "string" }, { name: "b", type: "string", nullable: true }, { name: "c", type: "boolean" }]);
  writer.write([["", null, true], ["a,b", "", false]]);
  await writer.close();
  expect(readFileSync(path, "utf8")).toBe('a,b,c\n"",,true\n"a,b","",false\n');
});
