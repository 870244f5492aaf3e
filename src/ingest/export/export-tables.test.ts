import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Event, StreamEvent } from "../../contracts/events.ts";
import { EntityReader, entityFeatureNames } from "../../features/entity-reader.ts";
import { FeatureWriter } from "../../features/feature-writer.ts";
import { MemoryStore } from "../../features/memory-store.ts";
import { must } from "../../lib/assert.ts";
import { ManualClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { DAY_MS, HOUR_MS, formatTime } from "../../lib/time.ts";
import { handScorer } from "../../models/propensity/hand-scorer.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import type { PropensityScorer } from "../../models/propensity/scorer.ts";
import { platformConfig } from "../../simulator/config.ts";
import { generateHistory } from "../../simulator/history.ts";
import { createWorld } from "../../simulator/world.ts";
import { compactArchive } from "../archive-compaction.ts";
import type { BrokerMessage } from "../broker-message.ts";
import { EventArchive } from "../event-archive.ts";
import { EventHistory } from "../event-history.ts";
import type { StreamSource } from "../read-stream.ts";
import { SegmentBuilder } from "../segment-builder.ts";
import { MemoryStream } from "../testing/memory-stream.ts";
import { entityTables } from "./entity-tables.ts";
import { type ExportOptions, type Exported, type ExportTableName, exportColumns, exportTableNames, exportTables } from "./export-tables.ts";
import { type Cell, type Row, type TableFormat, tableFormats } from "./table.ts";
import { TurningStream, backfilled, messageOf, streamEventOf } from "./testing/turning-stream.ts";
import { naiveAccepted, naiveEnrollments, naiveEvents, naiveKept, naiveLearners, naiveTokens, ofType } from "./testing/naive-tables.ts";
import { readTable } from "./testing/read-table.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-export-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function run(source: StreamSource, table: ExportOptions["table"], format: TableFormat, options: Partial<ExportOptions> = {}): Promise<Exported> {
  return exportTables({ source, table, format, path: join(directory, "out"), force: true, signal: new AbortController().signal, ...options });
}

async function readAll(format: TableFormat): Promise<Record<ExportTableName, Row[]>> {
  const path = join(directory, "out");
  const entries = await Promise.all(exportTableNames.map(async (table) => [table, await readTable(format, format === "sqlite" ? path : join(path, `${table}.${format}`), table, exportColumns(table))] as const));
  return Object.fromEntries(entries) as Record<ExportTableName, Row[]>;
}

const nasty = fc.string({ unit: fc.oneof(fc.constantFrom(",", '"', "\n", "\r", "\0", " ", "\ufeff", "日", "😀", "'"), fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 })), maxLength: 20 });
const at = (offset: number): string => formatTime(Date.UTC(2026, 0, 2) + offset);

/** A simulated history, and what a stream has besides: dead letters, repeats, erasures, texts that want quoting. */
function history(titles: readonly string[]): BrokerMessage[] {
  const config = platformConfig({ learners: 60, courses: 20, teachers: 5, enrollments: 250, weeks: 8, seed: 3, end_ms: Date.UTC(2026, 0, 1) });
  const simulated = [...generateHistory(createWorld(config))];
  const learner = simulated.find((event) => event.type === "enrollment.created")!;
  const learner_id = must("learner_id" in learner ? learner.learner_id : undefined, "a learner");
  const other_id = must(simulated.flatMap((event) => (event.type === "token.spent" && event.learner_id !== learner_id ? [event.learner_id] : []))[0], "another learner");
  const extra: Event[] = [
    ...titles.map((title, i): Event => ({ id: `title-${i}`, type: "course.upserted", time: at(i), course_id: `odd-${i}`, teacher_id: "odd", category: "odd", difficulty_level: "expert", quality_tier: "elite", base_price: 10 + i, launched_at: at(-DAY_MS), title, prerequisites: [`odd-${i}`] })),
    ...titles.map((title, i): Event => ({ id: `named-${i}`, type: "learner.upserted", time: at(i), learner_id: `odd-${i}`, registered_at: at(-DAY_MS), country: title.slice(0, 2), attributes: { [title.slice(0, 40)]: title, yes: true } })),
    { id: "erase-1", type: "learner.erased", time: at(0), learner_id },
    { id: "erase-2", type: "learner.erased", time: at(0), learner_id: other_id },
    // Comes back: what is said from here on counts.
    { id: "back-1", type: "token.purchased", time: at(0), learner_id: other_id, amount: 5 },
    { id: "back-2", type: "enrollment.created", time: at(1), enrollment_id: "again", course_id: "odd-0", learner_id: other_id, price: 3, quote_id: "q1" },
    // Repeats: of an event, of an enrollment under another event id, of the erasure.
    simulated[100]!,
    { ...learner, id: "another-id" } as Event,
    { id: "erase-2", type: "learner.erased", time: at(5), learner_id: other_id },
    { id: "late", type: "enrollment.completed", time: at(-30 * DAY_MS), enrollment_id: "again", course_id: "odd-0", learner_id: other_id },
    { id: "orphan", type: "enrollment.refunded", time: at(0), enrollment_id: "never-created", course_id: "odd-0", learner_id: "odd-0" },
  ];
  return backfilled([...simulated, ...extra], Date.UTC(2026, 0, 3));
}

const refused = (sequence: number): BrokerMessage => ({ subject: "events.token.l1", sequence, time_ms: 0, data: new TextEncoder().encode('{"type":"token.spent"') });

/** The rows of a table as the feature store of a live fold has them, under the columns that are features. */
function expectFeatures(rows: readonly Row[], table: keyof typeof entityTables, store: MemoryStore, now_ms: number): void {
  const { entity, columns } = entityTables[table];
  const reader = new EntityReader(store);
  const ids = [...store.ids(entity)];
  expect(rows.length).toBe(ids.length);
  for (const [i, id] of ids.entries()) {
    const values = must(reader.read(entity, id, now_ms), "a record").values;
    const features = Object.fromEntries(entityFeatureNames[entity].map((name, position) => [name, values[position]!]));
    const row = Object.fromEntries(columns.map(({ name }, position) => [name, rows[i]![position]!] as const));
    expect(row[columns[0]!.name]).toBe(entity === "platform" ? Date.parse(id) : id);
    for (const [name, value] of Object.entries(features)) {
      const cell = row[seed[table]?.[name] ?? name.replace(/_ms$/, "")];
      expect([name, cell === null ? 0 : Number(cell)]).toEqual([name, value]);
    }
  }
}

/** Features that are called something else in a table. */
const seed: Partial<Record<ExportTableName, Record<string, string>>> = {
  learners: {
    registered_at_ms: "registered_at",
    balance_tokens: "token_balance",
    purchased_tokens: "tokens_purchased",
    earned_tokens: "tokens_earned",
    spent_tokens: "tokens_spent",
    enrolled: "total_courses_enrolled",
    completed: "courses_completed",
    dropped: "courses_dropped",
    refunded: "courses_refunded",
    last_activity_ms: "last_activity_at",
    streak_days: "learning_streak_days",
    forum_participation: "forum_participation_score",
    rating_given_mean: "avg_course_rating_given",
  },
  courses: {
    base_price_tokens: "base_price",
    price_tokens: "token_price",
    category_price_loo_tokens: "category_avg_price",
    price_over_category: "competitive_index",
    competitor_price_tokens: "competitor_price",
    rating_mean: "avg_rating",
    difficulty_level: "difficulty_ordinal",
    quality_tier: "quality_tier_ordinal",
  },
  teachers: {
    quality_given: "teacher_quality_score",
    courses: "total_courses",
    enrollments: "total_enrollments",
    rating_mean: "avg_rating",
    revenue_tokens: "total_revenue",
    min_price_tokens: "min_price",
    max_price_tokens: "max_price",
  },
};

const cellOf = (rows: readonly Row[], table: ExportTableName, id: string, name: string): Cell | undefined => rows.find(([key]) => key === id)?.[exportColumns(table).findIndex((column) => column.name === name)];

describe.each(tableFormats)("all tables as %s", (format) => {
  test("say what the events say, once, without erased learners, and what the feature store says", async () => {
    const titles = fc.sample(nasty, { numRuns: 12, seed: 5 }).concat(["", "a,b", '"', "\r\n", "\0", "x\0y", "\ufeff", "=1+1"]);
    const good = history(titles);
    // A hole where a message was deleted, and a dead letter at the end.
    const events = good.filter(({ sequence }) => sequence !== 77).map(streamEventOf);
    const source = new TurningStream([...good.filter(({ sequence }) => sequence !== 77), refused(good.length + 5)]);
    const exported = await run(source, "all", format);

    const accepted = naiveAccepted(events);
    const kept = naiveKept(accepted);
    const tables = await readAll(format);
    expect(tables.token_transactions).toEqual(naiveTokens(kept));
    expect(tables.enrollments).toEqual(naiveEnrollments(kept));
    const { exposures, activities, price_changes, competitor_prices } = tables;
    expect({ exposures, activities, price_changes, competitor_prices }).toEqual(naiveEvents(kept));
    for (const rows of [exposures, activities, price_changes, competitor_prices]) expect(rows.length).toBeGreaterThan(0);
    expect(tables.enrollments.some(([id]) => id === "again")).toBe(true);

    const store = new MemoryStore();
    const writer = new FeatureWriter(store);
    for (const event of events) writer.apply(event);
    writer.commit({ stream_created: "x", sequence: 1, message_hash: "" });
    const now_ms = must(writer.watermark, "events").event_time_ms;
    for (const table of ["learners", "courses", "teachers", "platform_metrics"] as const) expectFeatures(tables[table], table, store, now_ms);

    const titled = accepted.flatMap(({ event }) => (event.type === "course.upserted" && event.id.startsWith("title-") ? [event] : []));
    expect(titled.length).toBe(titles.length);
    for (const { course_id, title } of titled) expect(cellOf(tables.courses, "courses", course_id, "title")).toBe(title);
    for (const { event } of ofType(kept, "learner.upserted").filter(({ event }) => event.id.startsWith("named-"))) {
      expect(cellOf(tables.learners, "learners", event.learner_id, "country")).toBe(event.country === undefined ? undefined : Buffer.from(event.country).toString());
      expect(JSON.parse(String(cellOf(tables.learners, "learners", event.learner_id, "attributes")))).toEqual(event.attributes);
    }
    const balances = new Map<Cell, bigint>();
    for (const row of tables.token_transactions) balances.set(row[1]!, (balances.get(row[1]!) ?? 0n) + (row[4] as bigint));
    for (const row of tables.learners) expect(cellOf(tables.learners, "learners", String(row[0]), "token_balance")).toBe(balances.get(row[0]!) ?? 0n);

    const erased = ofType(accepted, "learner.erased").map(({ event }) => event.learner_id);
    expect(tables.learners.some(([id]) => id === erased[0])).toBe(false);
    expect(tables.learners.some(([id]) => id === erased[1])).toBe(true);
    expect(exported).toMatchObject({ first_sequence: 1, last_sequence: good.length + 5, as_of_ms: now_ms, duplicates: events.length - accepted.length, refused: 1 });
    expect(exported.duplicates).toBeGreaterThanOrEqual(3);
    expect([...exported.rows]).toEqual(exportTableNames.map((table) => [table, tables[table].length]));
    expect(readdirSync(directory)).toEqual(["out"]);
  });
});

test("each table by itself is the same as among all", async () => {
  const messages = history(["one"]);
  await run(new TurningStream(messages), "all", "csv");
  const all = await readAll("csv");
  rmSync(join(directory, "out"), { recursive: true });
  for (const table of exportTableNames) {
    await run(new TurningStream(messages), table, "csv");
    expect(await readTable("csv", join(directory, "out"), table, exportColumns(table))).toEqual(all[table]);
  }
});

const START_MS = Date.UTC(2026, 0, 1);
const kinds = ["token.purchased", "token.spent", "token.expired", "enrollment.created", "enrollment.completed", "enrollment.dropped", "enrollment.refunded", "learner.erased", "learner.upserted"] as const;
const happening = fc.record({ kind: fc.constantFrom(...kinds), k: fc.nat(4), late_ms: fc.oneof(fc.constant(0), fc.nat(100 * DAY_MS)), step_ms: fc.constantFrom(1, DAY_MS), amount: fc.nat(1_000_000_000), repeat: fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, fc.nat()) });

/** Few learners with few enrollments, to whom much happens; enrollment k is of one learner and course for ever. Ids come again. */
const ledger = fc.array(happening, { minLength: 10, maxLength: 100, size: "max" }).map((happenings) =>
  happenings.map(({ kind, k, late_ms, step_ms, amount, repeat }, i): StreamEvent => {
    const broker_time_ms = START_MS + i * HOUR_MS;
    const time_ms = broker_time_ms - late_ms;
    // Some to the day only, so that times are often the same.
    const event_time_ms = time_ms - (time_ms % step_ms);
    const learner_id = `L${k % 3}`;
    const enrollment = { enrollment_id: `E${k}`, learner_id, course_id: "c1" };
    const envelope = { id: `e${repeat === undefined ? i : repeat % (i + 1)}`, time: formatTime(event_time_ms) };
    const event: Event =
      kind === "learner.erased" ? { ...envelope, type: kind, learner_id }
      : kind === "learner.upserted" ? { ...envelope, type: kind, learner_id, registered_at: envelope.time, country: String(i % 7) }
      : kind === "enrollment.created" ? { ...envelope, type: kind, ...enrollment, price: amount }
      : kind === "enrollment.completed" || kind === "enrollment.dropped" || kind === "enrollment.refunded" ? { ...envelope, type: kind, ...enrollment }
      : { ...envelope, type: kind, learner_id, amount };
    return { sequence: 3 * i + 1, broker_time_ms, event_time_ms, known_at_ms: broker_time_ms, event };
  }),
);

test("rows are those of a naive reading of the events, whatever comes in whatever order, however often", async () => {
  await fc.assert(
    fc.asyncProperty(ledger, fc.constantFrom(...tableFormats), async (events, format) => {
      const exported = await run(new TurningStream(events.map(messageOf)), "all", format);
      const accepted = naiveAccepted(events);
      const kept = naiveKept(accepted);
      const tables = await readAll(format);
      rmSync(join(directory, "out"), { recursive: true });
      expect(tables.token_transactions).toEqual(naiveTokens(kept));
      expect(tables.enrollments).toEqual(naiveEnrollments(kept));
      expect(exported.duplicates).toBe(events.length - accepted.length);
      expect(tables.learners.map(([id, , country]) => [id, country])).toEqual(naiveLearners(kept));
    }),
    { numRuns: 30 },
  );
});

test("what the archive alone still has is in the tables, and who was forgotten in it is not", async () => {
  const messages = history(["one"]);
  await run(new TurningStream(messages), "all", "csv");
  const whole = await readAll("csv");

  const stream = new MemoryStream();
  for (const message of messages) stream.append(message);
  const archive = new EventArchive(join(directory, "archive"));
  const builder = new SegmentBuilder(stream.created, 1, Number.POSITIVE_INFINITY);
  for (const message of messages.slice(0, -1)) builder.add(message);
  await archive.add(builder.finish());
  const clock = new ManualClock(Date.UTC(2027, 0, 1));
  const { forgotten } = await compactArchive({ archive, stream_created: stream.created, clock, random: (count) => new Uint8Array(count).fill(7), logger: silentLogger, delay_ms: DAY_MS });
  expect(forgotten).toBe(2);
  stream.expire(messages.length - 1);
  const exported = await run(new EventHistory(stream, archive), "all", "csv");
  expect(await readAll("csv")).toEqual(whole);
  expect(exported).toMatchObject({ first_sequence: 1, last_sequence: messages.length });
});

describe("scores of learners", () => {
  /** Scores that say which features they are of. */
  const scorer: PropensityScorer = {
    ...handScorer,
    version: "v1",
    digest: "d1",
    windows: { enrollment: 30, churn: 60, completion: 60, upsell: 60 },
    score: (features, into) => into.fill(0.01 * (features[learnerPosition("enrolled")]! % 100)),
    intervals: (_features, scores, low, high) => scores.forEach((own, i) => ([low[i], high[i]] = [own / 2, own + 0.25])),
    priceEffect: (features) => (features[learnerPosition("enrolled")]! > 2 ? { value: -1.5, se: 0.5 } : null),
  };

  test.each(tableFormats)("are those of the features beside them, in both tables: %s", async (format) => {
    await run(new TurningStream(history(["one"])), "all", format, { scorer });
    const { learners, propensity } = await readAll(format);
    const at = (table: ExportTableName, name: string): number => exportColumns(table).findIndex((column) => column.name === name);
    expect(propensity.map(([id]) => id)).toEqual(learners.map(([id]) => id));
    for (const [i, row] of learners.entries()) {
      const score = 0.01 * (Number(row[at("learners", "total_courses_enrolled")]) % 100);
      const own = (name: string): Cell => propensity[i]![at("propensity", name)]!;
      for (const name of ["enrollment_propensity", "churn_risk_score", "completion_propensity", "upsell_propensity", "price_sensitivity"]) {
        expect([own(name), own(`${name}_low`), own(`${name}_high`)]).toEqual([score, score / 2, score + 0.25]);
        expect(row[at("learners", name)]).toBe(score);
      }
      for (const name of ["propensity_segment", "churn_risk_level", "lifetime_value_tokens", "propensity_model"]) expect(own(name)).toBe(row[at("learners", name)]);
      expect([own("propensity_segment"), own("churn_risk_level"), own("propensity_model")]).toEqual(["dormant", "low", "v1"]);
      // Nobody expects anything of those who have neither bought nor looked.
      expect(Number(own("lifetime_value_tokens")) > 0).toBe(score > 0 && Number(row[at("learners", "total_courses_enrolled")]) > 0);
      expect(own("price_effect")).toBe(score > 0.02 ? -1.5 : null);
    }
    expect(new Set(propensity.map((row) => row[at("propensity", "price_effect_se")]))).toEqual(new Set([0.5, null]));
  });

  test("without a model are the hand-weighted ones, and say so", async () => {
    await run(new TurningStream(history(["one", "two"])), "propensity", "csv");
    const rows = await readTable("csv", join(directory, "out"), "propensity", exportColumns("propensity"));
    const at = (name: string): number => exportColumns("propensity").findIndex((column) => column.name === name);
    expect(rows.length).toBeGreaterThan(20);
    for (const name of ["propensity_model", "lifetime_value_tokens"]) expect(new Set(rows.map((row) => row[at(name)]))).toEqual(new Set([null]));
    expect(new Set(rows.map((row) => row[at("enrollment_propensity")])).size).toBeGreaterThan(10);
    // Who was only ever registered.
    expect(rows.find(([id]) => id === "odd-1")?.[at("cold_start")]).toBe(true);
    expect(rows.filter((row) => row[at("cold_start")] === false).length).toBeGreaterThan(10);
  });
});

test("an empty stream gives empty tables", async () => {
  const exported = await run(new TurningStream([]), "all", "parquet");
  expect(Object.values(await readAll("parquet"))).toEqual(exportTableNames.map(() => []));
  expect(exported.as_of_ms).toBeUndefined();
});

test.each(tableFormats)("stopped at any moment nothing is left: %s", async (format) => {
  const messages = history(["one"]);
  let turns = 0;
  const counted = new TurningStream(messages);
  counted.onTurn = () => turns++;
  await run(counted, "all", format);
  rmSync(join(directory, "out"), { recursive: true });
  expect(turns).toBeGreaterThan(10);
  for (const stop_at of [1, 2, Math.floor(turns / 2), Math.floor((turns * 3) / 4), turns]) {
    const source = new TurningStream(messages);
    const controller = new AbortController();
    let turn = 0;
    source.onTurn = () => {
      if (++turn === stop_at) controller.abort();
    };
    await expect(run(source, "all", format, { signal: controller.signal })).rejects.toMatchObject({ code: "export_stopped" });
    await expect.poll(() => readdirSync(directory)).toEqual([]);
  }
});

test("stopped while the broker says nothing", async () => {
  const source = new TurningStream(history([]));
  source.streamInfo = () => new Promise(() => undefined);
  const controller = new AbortController();
  const running = run(source, "teachers", "csv", { signal: controller.signal });
  controller.abort();
  await expect(running).rejects.toMatchObject({ code: "export_stopped" });
  expect(readdirSync(directory)).toEqual([]);
});

test("a stream that loses messages meanwhile is no whole table", async () => {
  const source = new TurningStream(history([]));
  source.onTurn = () => {
    if (source.readings === 1) source.messages = source.messages.slice(500);
  };
  await expect(run(source, "token_transactions", "csv")).rejects.toMatchObject({ code: "stream_changed" });
  expect(readdirSync(directory)).toEqual([]);
});

test("what cannot be written is said, and leaves nothing, for the end of the process neither", async () => {
  const atExit = process.listenerCount("exit");
  await expect(run(new TurningStream([]), "teachers", "csv", { path: join(directory, "no", "out") })).rejects.toMatchObject({ code: "no_directory" });
  await expect(run(new TurningStream([]), "teachers", "csv", { path: "/dev/null/out" })).rejects.toMatchObject({ code: "no_directory" });
  await expect(run(new TurningStream([]), "teachers", "csv", { path: directory, force: true })).rejects.toMatchObject({ code: "file_exists" });
  expect(readdirSync(directory)).toEqual([]);
  expect(process.listenerCount("exit")).toBe(atExit);
});

test("columns have the seed's names, each once", () => {
  for (const table of exportTableNames) {
    const names = exportColumns(table).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  }
  const names = (table: ExportTableName): string[] => exportColumns(table).map(({ name }) => name);
  const learner = ["learner_id", "token_balance", "total_courses_enrolled", "completion_rate", "days_since_last_enrollment", "days_since_last_activity", "learning_streak_days", "forum_participation_score", "assignment_submission_rate", "avg_course_rating_given"];
  expect(names("learners")).toEqual(expect.arrayContaining(learner));
  const course = ["course_id", "category", "difficulty_level", "quality_tier", "base_price", "token_price", "total_enrollments", "days_since_launch", "category_avg_price", "competitive_index", "quality_score", "teacher_quality_score"];
  expect(names("courses")).toEqual(expect.arrayContaining(course));
});
