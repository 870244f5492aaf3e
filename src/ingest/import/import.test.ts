import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeEvent, isRefusal } from "../decode.ts";
import { ManualClock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { MemoryStream } from "../testing/memory-stream.ts";
import { readCell, readTime } from "./cell.ts";
import { type ColumnChoices, mapColumns, noChoices } from "./column-map.ts";
import type { ImportTableName } from "./import-tables.ts";
import { PreparedImport, type PreparedEvent } from "./prepared-import.ts";
import { publishImport } from "./publish-import.ts";
import type { Rejection, TableSource } from "./read-table.ts";
import { SortedLines } from "./sorted-lines.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-import-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const NOW_MS = Date.UTC(2026, 0, 1);
const signal = new AbortController().signal;

test.each([
  ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31 12:00:00.25", "2026-01-31T12:00:00.250Z"],
  ["2026-01-31 12:00", "2026-01-31T12:00:00.000Z"],
  ["2026-01-31", "2026-01-31T00:00:00.000Z"],
  ["2026-01-31T12:00:00+05:30", "2026-01-31T06:30:00.000Z"],
  ["2026-01-31 12:00:00-0800", "2026-01-31T20:00:00.000Z"],
  ["2026-01-31 12:00:00 UTC", "2026-01-31T12:00:00.000Z"],
  ["1767182400", "2025-12-31T12:00:00.000Z"],
  ["1767182400123", "2025-12-31T12:00:00.123Z"],
])("%s is %s", (text, time) => expect(new Date(readTime(text)).toISOString()).toBe(time));

test.each(["", "31.01.2026", "01/02/2026", "2026-02-30", "2026-13-01", "2026-01-01T25:00:00Z", "yesterday", "2026-01-31T12:00:00+99:00", "12"])("%j is no time", (text) => expect(readTime(text)).toBeNaN());

test.each([
  ["number", "1,000", undefined],
  ["number", "1e999", undefined],
  ["number", "0x10", undefined],
  ["number", "100.0", 100],
  ["number", "-3", -3],
  ["boolean", "YES", true],
  ["boolean", "2", undefined],
  ["label", "Beginner", "beginner"],
  ["name", "Data  Science!", "Data-Science"],
  ["json", "[1", undefined],
  ["json", "3", undefined],
  ["json", '["a"]', ["a"]],
] as const)("as %s %j is %j", (kind, text, value) => {
  const read = readCell(kind, text);
  expect("value" in read ? read.value : undefined).toEqual(value);
});

describe("columns", () => {
  const map = (table: ImportTableName, headers: readonly string[], choices: Partial<ColumnChoices> = {}): Record<string, string> =>
    Object.fromEntries(mapColumns(table, "f.csv", headers, { ...noChoices, ...choices }).columns.map(({ column, header, fallback }) => [column.name, header ?? `= ${fallback}`]));

  test("go by their own names first, then by others'", () => {
    expect(map("learners", ["User ID", "SignupDate", "created_at", "x"])).toEqual({ learner_id: "User ID", registered_at: "SignupDate" });
    expect(map("learners", ["learner_id", "user_id", "registered_at", "signup_date"])).toEqual({ learner_id: "learner_id", registered_at: "registered_at" });
    expect(map("enrollments", ["id", "user_id", "course", "price", "date"])).toEqual({ enrollment_id: "id", learner_id: "user_id", course_id: "course", token_price: "price", enrolled_at: "date" });
  });

  test("are what was chosen, and a value stands for what is not there", () => {
    const headers = new Map([["registered_at", "x"]]);
    expect(map("learners", ["id", "registered_at", "x"], { headers })).toEqual({ learner_id: "id", registered_at: "x" });
    expect(map("learners", ["id"], { values: new Map([["registered_at", "2025-01-01"]]) })).toEqual({ learner_id: "id", registered_at: "= 2025-01-01" });
  });

  test("that are missing are named, with what there is and what to say", () => {
    expect(() => map("learners", ["id", "when"])).toThrow(/learners\.registered_at\n {2}there are: id, when\n {2}say which with --map learners\.registered_at=COLUMN/);
    expect(() => map("learners", ["id", "id"])).toThrow(/two columns named "id"/);
    expect(() => map("learners", ["id"], { headers: new Map([["registered_at", "y"]]) })).toThrow(/has no column "y"/);
  });
});

test("lines come in the order of their keys, equal ones as they were added, in memory and out of files", () => {
  const lines = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.string({ unit: fc.constantFrom("a", "é", "😀", " ", "\t"), maxLength: 30 })), { maxLength: 200 });
  fc.assert(
    fc.property(lines, fc.integer({ min: 20, max: 2_000 }), (all, run_characters) => {
      const scratch = mkdtempSync(join(directory, "run-"));
      const sorted = new SortedLines(scratch, run_characters);
      all.forEach(([key, text], i) => sorted.add(key, `${i} ${text}`));
      const expected = all.map(([key, text], i) => ({ key, text: `${i} ${text}` })).toSorted((a, b) => a.key - b.key).map(({ text }) => text);
      expect([...sorted.read()]).toEqual(expected);
    }),
    { numRuns: 20, seed: 4 },
  );
});

interface Prepared {
  readonly events: PreparedEvent[];
  readonly rejected: (Rejection & { readonly line: number })[];
  readonly prepared: PreparedImport;
}

async function prepare(tables: Partial<Record<ImportTableName, string>>): Promise<Prepared> {
  const rejected: Prepared["rejected"] = [];
  const sources = Object.entries(tables).map(([table, text], i): TableSource => {
    const path = join(directory, `${i}.csv`);
    writeFileSync(path, text);
    return { table: table as ImportTableName, path, choices: noChoices };
  });
  const prepared = new PreparedImport({ sources, scratch: mkdtempSync(join(directory, "s-")), now_ms: NOW_MS, signal, onRejected: (_, line, rejection) => rejected.push({ line, ...rejection }) });
  await prepared.read();
  return { events: [...prepared.prepared()], rejected, prepared };
}

const enrollments = "enrollment_id,learner_id,course_id,token_price,enrolled_at,completed_at\n";

test("every event that comes of a row is one that the fold accepts", async () => {
  const { events, rejected } = await prepare({
    enrollments: `${enrollments}E1,L1,C1,10,2025-05-01,2025-06-01\n`,
    token_transactions: "learner_id,type,amount,date\nL1,Purchase,10,2025-05-01\nL1,token.spent,-10,2025-05-01\n",
    exposures: "learner_id,course_id,price,viewed_at,known_at\nL1,C1,10,2025-05-01,2025-05-03\n",
    activities: "learner_id,type,timestamp,minutes,rating\nL1,session,2025-05-02,30,\nL1,review,2025-05-03,,4\n",
    competitor_prices: "category,price,date\nData Science,50,2025-05-01\n",
    learners: "id,registered_at,device,country\nL1,2025-01-01,Mobile,DE\n",
    courses: "id,teacher_id,category,difficulty,tier,base_price,token_price,launch_date\nC1,T1,Data Science,Beginner,Premium,12,10,2025-01-01\n",
    teachers: "id,quality_score\nT1,0.5\n",
  });
  expect(rejected).toEqual([]);
  const decoded = events.map(({ subject, json }, i) => decodeEvent({ subject, sequence: i + 1, time_ms: NOW_MS, data: new TextEncoder().encode(json) }));
  const typed = decoded.map((event) => (isRefusal(event) ? event : `${event.event.type} ${event.event.time.slice(0, 10)}`));
  expect(typed).toEqual([
    // Nothing says since when a teacher is known: from the first moment of the history.
    "teacher.upserted 2025-01-01",
    "course.upserted 2025-01-01",
    "learner.upserted 2025-01-01",
    "market.competitor_price 2025-05-01",
    "token.purchased 2025-05-01",
    "enrollment.created 2025-05-01",
    "token.spent 2025-05-01",
    "activity.session 2025-05-02",
    // Known two days later.
    "exposure.viewed 2025-05-01",
    "activity.rating 2025-05-03",
    // The price that the course has now: nothing says since when.
    "course.repriced 2025-06-01",
    "enrollment.completed 2025-06-01",
  ].toSorted((a, b) => typed.indexOf(a) - typed.indexOf(b)));
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  expect(JSON.parse(events.find(({ json }) => json.includes("learner.upserted"))!.json)).toMatchObject({ attributes: { device: "mobile" }, country: "DE" });
});

const bad: readonly (readonly [what: string, row: string, column: string, reason: RegExp])[] = [
  ["an empty id", ",L1,C1,10,2025-05-01,", "enrollment_id", /is missing/],
  ["an id with a blank", "E 1,L1,C1,10,2025-05-01,", "enrollment_id", /1 to 64 characters/],
  ["an id that is a path", "E1,../etc,C1,10,2025-05-01,", "learner_id", /1 to 64 characters/],
  ["half a token", "E1,L1,C1,9.5,2025-05-01,", "token_price", /int/],
  ["less than nothing", "E1,L1,C1,-1,2025-05-01,", "token_price", />=0/],
  ["words for numbers", "E1,L1,C1,ten,2025-05-01,", "token_price", /is not a number/],
  ["no such day", "E1,L1,C1,10,2025-02-29,", "enrolled_at", /is not a time/],
  ["a day to come", "E1,L1,C1,10,2027-01-01,", "enrolled_at", /lies in the future/],
  ["a day before computers", "E1,L1,C1,10,1900-01-01,", "enrolled_at", /before 1970/],
  ["a bad outcome, which takes the enrollment with it", "E1,L1,C1,10,2025-05-01,soon", "completed_at", /is not a time/],
  ["a field too many", "E1,L1,C1,1,000,2025-05-01,", "", /7 fields where the first line has 6/],
  ["a steering character", "E\u00001,L1,C1,10,2025-05-01,", "enrollment_id", /1 to 64 characters/],
];
test.each(bad)("%s is rejected with line, column and reason", async (_, row, column, reason) => {
  const { events, rejected } = await prepare({ enrollments: `${enrollments}\n"E0",L1,C1,10,2025-05-01,\n${row}\n` });
  expect(rejected).toEqual([{ line: 4, column, value: expect.any(String) as string, reason: expect.stringMatching(reason) as string }]);
  expect(events.length).toBe(1);
});

test("lines are counted as an editor counts them, over line breaks in quotes", async () => {
  const { rejected, events } = await prepare({ courses: 'id,title,teacher_id,category,difficulty,tier,base_price,launch_date\r\nC1,"two\r\nlines",T,c,beginner,basic,5,2025-01-01\r\nC2,x,T,c,easy,basic,5,2025-01-01\r\n' });
  expect(rejected).toMatchObject([{ line: 4, column: "difficulty", value: "easy" }]);
  expect(JSON.parse(events[0]!.json)).toMatchObject({ title: "two\r\nlines" });
});

test("rows with ids count once; of rows without, equal ones are as many events, in whatever order", async () => {
  const keyed = await prepare({ enrollments: `${enrollments}E1,L1,C1,10,2025-05-01,\nE1,L1,C1,10,2025-05-01,\nE1,L2,C1,10,2025-05-02,\n` });
  expect(keyed.rejected).toMatchObject([{ line: 3, column: "enrollment_id", value: "E1" }, { line: 4 }]);
  const [header, ...rows] = ["learner_id,course_id,price,viewed_at", "L1,C1,5,2025-05-01", "L1,C1,5,2025-05-01", "L2,C1,5,2025-05-01"];
  const text = (order: readonly string[]): string => `${header}\n${order.join("\n")}\n`;
  const [there, back] = [await prepare({ exposures: text(rows) }), await prepare({ exposures: text(rows.toReversed()) })];
  expect(there.events.length).toBe(3);
  expect(back.events.map(({ id }) => id).sort()).toEqual(there.events.map(({ id }) => id).sort());
});

test("what a table leaves open is said", async () => {
  const { prepared } = await prepare({
    enrollments: "id,user,course,price,date,status\nE1,L1,C9,5,2025-05-01,completed\n",
    courses: "id,teacher_id,category,difficulty,tier,base_price,launch_date\nC1,T,c,beginner,basic,5,2025-01-01\n",
  });
  expect([...prepared.notes]).toEqual([
    ["enrollments are completed at an unknown time, which is left out: map a column to enrollments.completed_at", 1],
    [expect.stringContaining("named that no row describes"), 1],
  ]);
});

test("through a connection that breaks every event is stored once and in order, and run again none is", async () => {
  const rows = Array.from({ length: 1_500 }, (_, i) => `L${i % 50},C1,5,${new Date(Date.UTC(2025, 0, 1) + i * 1_000).toISOString()}`);
  const { events } = await prepare({ exposures: `learner_id,course_id,price,viewed_at\n${rows.join("\n")}\n` });
  const stream = new MemoryStream();
  const stored = new Set<string>();
  let until_break = 250;
  const bulkPublisher = (): { publish(subject: string, data: Uint8Array, id?: string): Promise<void> | undefined; flush(): Promise<void>; acknowledged: number } => ({
    acknowledged: 0,
    publish: (subject, data, id = "") => {
      if (until_break-- === 0) {
        until_break = 3_000;
        return Promise.reject(new TidemarkError("broker_unreachable", "away"));
      }
      // What the broker's own window does.
      if (!stored.has(id)) stream.append({ subject, sequence: stream.last_sequence + 1, time_ms: NOW_MS, data });
      stored.add(id);
      return undefined;
    },
    flush: () => Promise.resolve(),
  });
  const options = { broker: { bulkPublisher }, source: stream, clock: new ManualClock(0), signal, onProgress: () => undefined };
  // What was sent of the chunk before the break is sent again with it.
  expect(await publishImport(events.slice(0, 400), events.length, options)).toEqual({ published: 400, present: 0, erased: 0 });
  expect(until_break).toBe(2_600);
  until_break = 700;
  expect(await publishImport(events, events.length, options)).toEqual({ published: 1_100, present: 400, erased: 0 });
  until_break = -1;
  expect(await publishImport(events, events.length, options)).toEqual({ published: 0, present: 1_500, erased: 0 });
  expect([...stream.messages.values()].map(({ data }) => new TextDecoder().decode(data))).toEqual(events.map(({ json }) => json));

  stream.append({ subject: "events.learner.L7", sequence: stream.last_sequence + 1, time_ms: NOW_MS, data: new TextEncoder().encode(JSON.stringify({ id: "gone", type: "learner.erased", time: "2025-12-01T00:00:00Z", learner_id: "L7" })) });
  const more = await prepare({ exposures: "learner_id,course_id,price,viewed_at\nL7,C1,5,2025-11-01\nL8,C1,5,2025-11-01\n" });
  expect(await publishImport(more.events, 2, options)).toEqual({ published: 1, present: 0, erased: 1 });
});
