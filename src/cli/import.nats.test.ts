import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STREAM_EVENTS } from "../contracts/subjects.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../ingest/embedded-broker.ts";
import { Broker } from "../ingest/nats.ts";
import { silentLogger } from "../lib/log.ts";
import { publishHistory } from "../simulator/publish-history.ts";
import { smallPlatform } from "../simulator/test-platform.ts";

const ROOT = join(import.meta.dirname, "../..");
const MAIN = join(ROOT, "dist/src/main.js");

let directory: string;
const brokers: EmbeddedBroker[] = [];

interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function startBroker(name: string): Promise<EmbeddedBroker> {
  const server = await startEmbeddedBroker({ data_dir: join(directory, name, "nats"), logger: silentLogger });
  brokers.push(server);
  return server;
}

function tidemark(server: EmbeddedBroker, ...args: string[]): Promise<Run> {
  const env = { PATH: process.env["PATH"] ?? "", TIDEMARK_NATS_URL: server.url, TIDEMARK_DATA_DIR: join(directory, "data") };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env, cwd: directory }, (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout, err: stderr }));
  });
}

async function withBroker<T>(server: EmbeddedBroker, work: (broker: Broker) => Promise<T>): Promise<T> {
  const broker = await Broker.connect({ url: server.url, name: "test" });
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

const eventsIn = (server: EmbeddedBroker): Promise<number> => withBroker(server, async (broker) => (await broker.streamInfo(STREAM_EVENTS))?.messages ?? 0);

/** Rows of a table without columns that say how a row travelled. */
function table(folder: string, name: string, but: readonly string[] = []): string[][] {
  const [header = [], ...rows] = readFileSync(join(folder, `${name}.csv`), "utf8").trimEnd().split("\n").map((line) => line.split(","));
  const kept = header.flatMap((column, i) => (but.includes(column) ? [] : [i]));
  return [header, ...rows].map((row) => kept.map((i) => row[i]!));
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tidemark-import-"));
  mkdirSync(join(directory, "data"));
});

afterAll(async () => {
  await Promise.all(brokers.map((server) => server.stop()));
  rmSync(directory, { recursive: true, force: true });
});

test("what was exported is imported elsewhere as the same platform: every feature of every entity, and once however often", { timeout: 120_000 }, async () => {
  const [first, second] = [await startBroker("first"), await startBroker("second")];
  await withBroker(first, async (broker) => {
    await broker.ensureStreams();
    await publishHistory(broker, smallPlatform(), {});
  });
  const [from, to] = [join(directory, "from"), join(directory, "to")];
  expect(await tidemark(first, "export", "--all", "--out", from)).toMatchObject({ code: 0, err: "" });

  const imported = await tidemark(second, "import", from, "--json");
  const rejected = join(directory, "tidemark-rejected.csv");
  expect(existsSync(rejected) ? readFileSync(rejected, "utf8") : "").toBe("");
  expect(imported.code, imported.err).toBe(0);
  const counts = JSON.parse(imported.out) as { events: number; rejected: number; published: { published: number; present: number } };
  expect(counts.rejected).toBe(0);
  expect(counts.published).toEqual({ published: counts.events, present: 0, erased: 0 });
  expect(await eventsIn(second)).toBe(counts.events);
  // As if it had been killed and run again.
  const again = JSON.parse((await tidemark(second, "import", from, "--json")).out) as typeof counts;
  expect(again.published).toEqual({ published: 0, present: counts.events, erased: 0 });
  expect(await eventsIn(second)).toBe(counts.events);

  expect(await tidemark(second, "export", "--all", "--out", to)).toMatchObject({ code: 0, err: "" });
  for (const name of ["learners", "courses", "teachers", "platform_metrics", "propensity", "enrollments"]) expect(table(to, name), name).toEqual(table(from, name));
  for (const name of ["token_transactions", "exposures", "activities", "price_changes", "competitor_prices"]) {
    const rows = (folder: string): string[] => table(folder, name, [table(folder, name)[0]![0]!, "sequence"]).map((row) => row.join()).sort();
    expect(rows(to), name).toEqual(rows(from));
  }
  expect(table(from, "exposures").length).toBeGreaterThan(10_000);

  // An export brought back to where it comes from: nothing of it is new but what describes entities, which says the same.
  const before = await eventsIn(first);
  const back = JSON.parse((await tidemark(first, "import", from, "--json")).out) as typeof counts;
  expect(back.published.present).toBeGreaterThan(0.9 * counts.events);
  expect(await eventsIn(first)).toBe(before + back.published.published);
  expect(await tidemark(first, "export", "--table", "learners", "--out", join(directory, "back.csv"))).toMatchObject({ code: 0 });
  expect(readFileSync(join(directory, "back.csv"), "utf8")).toBe(readFileSync(join(from, "learners.csv"), "utf8"));
});

test("the worked example imports whole, and a bad row is listed, refused by --strict and passed over by --lenient", { timeout: 60_000 }, async () => {
  const server = await startBroker("example");
  const example = join(ROOT, "deploy/examples/history");
  const dry = await tidemark(server, "import", example, "--dry-run");
  expect(dry).toMatchObject({ code: 0, err: "" });
  expect(dry.out).toMatch(/signup_date as registered_at/);
  expect(await withBroker(server, (broker) => broker.streamInfo(STREAM_EVENTS))).toBeUndefined();
  expect(await tidemark(server, "import", example)).toMatchObject({ code: 0, err: "" });
  const events = await eventsIn(server);
  expect(events).toBeGreaterThan(6_000);

  const users = join(directory, "users.csv");
  writeFileSync(users, "user;since\nU900;2025-01-01\nU 901;2025-01-01\nU902;some day\n");
  const asked = ["import", "--learners", users, "--map", "learners.learner_id=user", "learners.registered_at=since"];
  const strict = await tidemark(server, ...asked, "--strict");
  expect(strict.code).toBe(2);
  expect(strict.err).toContain("nothing was published");
  expect(await eventsIn(server)).toBe(events);
  const rejected = join(directory, "rejected.csv");
  expect((await tidemark(server, ...asked, "--rejected", rejected)).code).toBe(2);
  expect(await eventsIn(server)).toBe(events + 1);
  expect(readFileSync(rejected, "utf8").split("\n").slice(1, 3)).toEqual([
    `learners,${users},3,user,U 901,must be 1 to 64 characters of A-Z a-z 0-9 _ -`,
    expect.stringMatching(/^learners,.*,4,since,some day,"?is not a time such as/),
  ]);
  expect(await tidemark(server, ...asked, "--rejected", rejected)).toMatchObject({ code: 2, err: expect.stringMatching(/rejected\.csv exists: .*--force/) as string });
  expect(await tidemark(server, ...asked, "--lenient")).toMatchObject({ code: 0 });
  expect(await eventsIn(server)).toBe(events + 1);
});

test("what is asked wrongly is answered with what is allowed", { timeout: 60_000 }, async () => {
  const server = brokers[0]!;
  const users = join(directory, "users.csv");
  const wrong: readonly (readonly [args: string[], says: RegExp])[] = [
    [[], /give a directory of tables, or name files with --enrollments/],
    [[join(directory, "none")], /is not a directory/],
    [[join(directory, "data")], /has none of enrollments\.csv/],
    [["--learners", join(directory, "none.csv")], /none\.csv cannot be read/],
    [["--learners", users, "--map", "learners.age=x"], /learners has no column age\n {2}there are: learner_id/],
    [["--learners", users, "--map", "age=x"], /allowed: TABLE\.COLUMN=HEADER/],
    [["--learners", users, "--set", "courses.title=x"], /speak of courses, but no file of it is given: name it with --courses/],
    [["--learners", users, "--map", "learners.learner_id=user"], /none of its columns looks like learners\.registered_at\n {2}there are: user, since/],
  ];
  for (const [args, says] of wrong) expect(await tidemark(server, "import", ...args)).toMatchObject({ code: 2, err: expect.stringMatching(says) as string });
});
