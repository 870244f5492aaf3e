import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { stringify } from "csv-stringify/sync";
import { openTableWriter } from "../ingest/export/table-writer.ts";
import { type ColumnRequest, readTable } from "./table-input.ts";
import { type InputColumn, parseNumber } from "./table-input-columns.ts";

const directory = mkdtempSync(join(tmpdir(), "tidemark-table-input-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function csv(content: string | Buffer): string {
  const path = join(directory, `${files++}.csv`);
  writeFileSync(path, content);
  return path;
}

const number = (name: string): ColumnRequest => ({ name, kind: "number" });
const label = (name: string): ColumnRequest => ({ name, kind: "label" });
const either = (name: string): ColumnRequest => ({ name, kind: "either" });

/** Cells as they were: numbers, texts, null for missing ones. */
function cells(column: InputColumn): (number | string | null)[] {
  return column.kind === "number" ? Array.from(column.values, (value) => (Number.isNaN(value) ? null : value)) : Array.from(column.codes, (code) => (code < 0 ? null : column.labels[code]!));
}

async function read(path: string, ...requests: ColumnRequest[]): Promise<(number | string | null)[][]> {
  return (await readTable(path, requests)).columns.map(cells);
}

describe("CSV", () => {
  test("quotes, commas, quotes in quotes and line breaks within them", async () => {
    expect(await read(csv('name,price\n"a, b",1\n"say ""no""",2\n"two\nlines",3\n'), label("name"), number("price"))).toEqual([["a, b", 'say "no"', "two\nlines"], [1, 2, 3]]);
  });

  test("Windows line endings, a byte order mark, spaces around names and no end of the last line", async () => {
    expect(await read(csv("\uFEFFprice , week\r\n 1.5 ,a\r\n2,b"), number("price"), label("week"))).toEqual([[1.5, 2], ["a", "b"]]);
    expect(await read(csv('"price","week"\r\n"1","a"\r\n"2","b"\r\n\r\n'), number("price"), label("week"))).toEqual([[1, 2], ["a", "b"]]);
  });

  test("what stands for missing, and what a label that looks like it is", async () => {
    const path = csv("x,country\n,\nNA,NA\nNaN,DE\nnull,null\n .,FR\n7,x\n");
    expect(await read(path, number("x"), label("country"))).toEqual([[null, null, null, null, null, 7], [null, "NA", "DE", "null", "FR", "x"]]);
  });

  test("one column with an empty line has a missing value, others none", async () => {
    expect(await read(csv("x\n1\n\n2\n"), number("x"))).toEqual([[1, null, 2]]);
    expect(await read(csv("x,y\n1,2\n\n2,3\n"), number("x"))).toEqual([[1, 2]]);
  });

  const texts: readonly (readonly [text: string, value: number | null | undefined])[] = [
    ["1", 1],
    ["-1.50", -1.5],
    ["+.5", 0.5],
    ["5.", 5],
    ["1e308", 1e308],
    ["1E-3", 1e-3],
    ["\t2 ", 2],
    ["", null],
    ["N/A", null],
    ["1e999", undefined],
    ["Infinity", undefined],
    ["1,234", undefined],
    ["1 234", undefined],
    ["1_000", undefined],
    ["0x10", undefined],
    ["12€", undefined],
    ["1.2.3", undefined],
    ["--1", undefined],
    ["e5", undefined],
    ["true", undefined],
    ["2026-01-31", undefined],
  ];
  test.each(texts)("%j is %j", (text, value) => {
    const parsed = parseNumber(text);
    expect(Number.isNaN(parsed) ? null : parsed).toBe(value);
  });

  const refused: readonly (readonly [what: string, content: string, message: RegExp])[] = [
    ["a thousands separator", 'price,x\n1,1\n"1,234",1\n"2,000",2\n', /row 2: price is "1,234" \(and 1 more\)\n.*no separators of thousands/],
    ["a text", "price\ncheap\n", /row 1: price is "cheap"/],
    ["a decimal comma", 'price\n"1,5"\n', /row 1: price is "1,5"/],
    ["a row too short", "price,x,y\n1,2,3\n1,2\n", /row 2: 2 fields where the line of names has 3/],
    ["a row too long", "price,x\n1,2\n3,4,5\n", /row 2: 3 fields/],
    ["an open quote", 'price,x\n1,2\n"3,4\n5,6\n', /row 2: Quoted field unterminated/],
    ["text after a quote", 'price,x\n"1"2,3\n', /row 1: Trailing quote/],
    ["an empty file", "", /is empty/],
    ["names alone", "price,x\n", /column names and no rows/],
    ["another name", "Price,x\n1,2\n", /no column "price"\n {2}there are: Price, x/],
    ["another separator", "price;x\n1;2\n", /no column "price"[\s\S]*separated by ";"/],
    ["a name twice", "price,x,price\n1,2,3\n", /two columns named "price"/],
    ["a binary file", "\u0000\u0001\u0002PAR1\u0000", /no column "price"/],
  ];
  test.each(refused)("%s is refused, with the place", async (_, content, message) => {
    await expect(readTable(csv(content), [number("price")])).rejects.toThrow(message);
  });

  test("files that are none are refused", async () => {
    await expect(readTable(join(directory, "absent.csv"), [])).rejects.toThrow(/absent\.csv cannot be read: ENOENT/);
    await expect(readTable(join(directory, "table.xlsx"), [])).rejects.toThrow(/neither \.csv nor \.parquet/);
    const folder = join(directory, "folder.csv");
    mkdirSync(folder);
    await expect(readTable(folder, [])).rejects.toThrow(/is not a file/);
  });

  test("a column is numbers when all of it are, labels when one is not", async () => {
    expect(await read(csv("a,b,c,d\n1,1,,1\n01,x,NA,2\n,3,,NA\n"), either("a"), either("b"), either("c"), either("d"))).toEqual([[1, 1, null], ["1", "x", "3"], [null, null, null], [1, 2, null]]);
  });

  test("after ten thousand different numbers a text is no label but an error", async () => {
    const many = Array.from({ length: 12_000 }, (_, i) => String(i / 8));
    expect((await read(csv(`x\n${many.join("\n")}\n`), either("x")))[0]).toEqual(many.map(Number));
    await expect(readTable(csv(`x\n${many.join("\n")}\noops\n`), [either("x")])).rejects.toThrow(/row 12001: x is "oops"/);
  });

  test("characters of several bytes survive wherever the file is cut", async () => {
    // Two bytes a character and an odd header: some chunk ends within one.
    const names = Array.from({ length: 40_000 }, (_, i) => `é${"ü".repeat(20 + (i % 7))}`);
    const [read_names] = await read(csv(`x,n\n${names.map((name) => `1,${name}`).join("\n")}\n`), label("n"));
    expect(read_names).toEqual(names);
  });

  test("a quote that swallows a large file ends in an error, not in memory", async () => {
    const path = csv(`x,n\n"1,2\n${"3,4\n".repeat(5_000_000)}`);
    await expect(readTable(path, [number("x")])).rejects.toThrow(/row 1: (no end of the record|Quoted field unterminated)/);
  });

  test("whatever a CSV writer writes is read back", async () => {
    const cell = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom('"', ",", "\n", "a\r\nb", '""', " x "));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, fc.double({ noNaN: true, noDefaultInfinity: true })), { minLength: 1, maxLength: 20 }), fc.boolean(), async (rows, windows) => {
        const path = csv(stringify([["n", "x"], ...rows.map(([text, value]) => [text, String(value)])], { record_delimiter: windows ? "\r\n" : "\n", quoted: true }));
        expect(await read(path, label("n"), number("x"))).toEqual([rows.map(([text]) => (text === "" ? null : text)), rows.map(([, value]) => value + 0)]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("Parquet", () => {
  test("each type as number, label or either; nulls are missing; several row groups", async () => {
    const path = join(directory, "types.parquet");
    const writer = openTableWriter("parquet", path, "t", [{ name: "text", type: "string", nullable: true }, { name: "whole", type: "integer" }, { name: "real", type: "double", nullable: true }, { name: "flag", type: "boolean" }, { name: "day", type: "date" }, { name: "at", type: "timestamp" }], { force: false });
    const rows = Array.from({ length: 50_000 }, (_, i) => [i % 3 === 0 ? null : `C${i % 50}`, i, i % 4 === 0 ? null : i / 7, i % 2 === 0, 86_400_000 * (i % 9), 1_000 * i] as const);
    writer.write(rows);
    await writer.close();
    const table = await readTable(path, [label("text"), number("whole"), number("real"), number("flag"), label("day"), either("day"), either("whole"), label("at"), either("text")]);
    expect(table.rows).toBe(50_000);
    const [text, whole, real, flag, day, either_day, either_whole, at, either_text] = table.columns.map(cells);
    expect(text).toEqual(rows.map(([own]) => own));
    expect(either_text).toEqual(text);
    expect(whole).toEqual(rows.map(([, own]) => own));
    expect(either_whole).toEqual(whole);
    expect(real).toEqual(rows.map(([, , own]) => own));
    expect(flag).toEqual(rows.map(([, , , own]) => (own ? 1 : 0)));
    expect(day!.slice(0, 3)).toEqual(["1970-01-01", "1970-01-02", "1970-01-03"]);
    expect(either_day).toEqual(day);
    expect(at![61]).toBe("1970-01-01T00:01:01.000Z");
    await expect(readTable(path, [number("day")])).rejects.toThrow(/row 1: day is "1970-01-01"/);
    await expect(readTable(path, [number("text")])).rejects.toThrow(/row 2: text is "C1"/);
    await expect(readTable(path, [number("price")])).rejects.toThrow(/there are: text, whole, real, flag, day, at/);
  });

  test("what is no Parquet file is refused, truncated ones too", async () => {
    const path = join(directory, "not.parquet");
    writeFileSync(path, "price\n1\n");
    await expect(readTable(path, [number("price")])).rejects.toThrow(/cannot be read as Parquet/);
    writeFileSync(path, `PAR1${"x".repeat(500)}PAR1`);
    await expect(readTable(path, [number("price")])).rejects.toThrow(/cannot be read as Parquet/);
  });
});
