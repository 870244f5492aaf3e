import sqlite, { type Database, type Statement } from "node-sqlite3-wasm";
import type { EventOf, StreamEvent } from "../../contracts/events.ts";

/** Pages in memory, 32 MiB; the rest is in the file. */
const CACHE_KIB = 32_768;

const SCHEMA = `
  CREATE TABLE profile (kind TEXT, id TEXT, time_ms INTEGER, body TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
  CREATE TABLE enrollment (
    enrollment_id TEXT PRIMARY KEY, learner_id TEXT, course_id TEXT, price INTEGER, quote_id TEXT,
    enrolled_ms INTEGER, known_ms INTEGER, completed_ms INTEGER, dropped_ms INTEGER, refunded_ms INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX enrollment_learner ON enrollment (learner_id);`;

type Described = EventOf<"course.upserted"> | EventOf<"learner.upserted">;
type Outcome = EventOf<"enrollment.completed"> | EventOf<"enrollment.dropped"> | EventOf<"enrollment.refunded">;

/** An enrollment with the latest time of each of its outcomes. */
export interface EnrollmentDetail {
  readonly enrollment_id: string;
  readonly learner_id: string;
  readonly course_id: string;
  readonly price: number;
  readonly quote_id: string | null;
  readonly enrolled_ms: number;
  readonly known_ms: number;
  readonly completed_ms: number | null;
  readonly dropped_ms: number | null;
  readonly refunded_ms: number | null;
}

/**
 * What tables say and features do not: how courses and learners were last described, and every enrollment by its id. A fold like any
 * other, of events that were accepted: the latest description by event time counts, and an erasure removes what there was of the learner until
 * then. In a file that nobody keeps; the memory that it takes does not grow with it.
 */
export class DetailLedger {
  readonly #database: Database;
  readonly #describe: Statement;
  readonly #profile: Statement;
  readonly #enroll: Statement;
  readonly #outcomes: Record<Outcome["type"], Statement>;
  readonly #forget: readonly Statement[];

  constructor(path: string) {
    const database = new sqlite.Database(path);
    database.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -${CACHE_KIB}; BEGIN; ${SCHEMA}`);
    const outcome = (column: string): Statement =>
      database.prepare(
        `INSERT INTO enrollment (enrollment_id, learner_id, course_id, ${column}) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET ${column} = max(coalesce(${column}, excluded.${column}), excluded.${column})`,
      );
    this.#database = database;
    this.#describe = database.prepare("INSERT INTO profile VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET time_ms = excluded.time_ms, body = excluded.body WHERE excluded.time_ms >= time_ms");
    this.#profile = database.prepare("SELECT body FROM profile WHERE kind = ? AND id = ?");
    this.#enroll = database.prepare(
      `INSERT INTO enrollment (enrollment_id, learner_id, course_id, price, quote_id, enrolled_ms, known_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET learner_id = excluded.learner_id, course_id = excluded.course_id, price = excluded.price, quote_id = excluded.quote_id,
         enrolled_ms = excluded.enrolled_ms, known_ms = excluded.known_ms`,
    );
    this.#outcomes = { "enrollment.completed": outcome("completed_ms"), "enrollment.dropped": outcome("dropped_ms"), "enrollment.refunded": outcome("refunded_ms") };
    this.#forget = ["DELETE FROM enrollment WHERE learner_id = ?", "DELETE FROM profile WHERE kind = 'learner.upserted' AND id = ?"].map((sql) => database.prepare(sql));
  }

  /** Folds one accepted event; events come in sequence order. */
  apply({ event, event_time_ms, known_at_ms }: StreamEvent): void {
    switch (event.type) {
      case "course.upserted":
        return this.#describeAs(event, event.course_id, event_time_ms);
      case "learner.upserted":
        return this.#describeAs(event, event.learner_id, event_time_ms);
      case "learner.erased":
        for (const statement of this.#forget) statement.run(event.learner_id);
        return;
      case "enrollment.created":
        this.#enroll.run([event.enrollment_id, event.learner_id, event.course_id, event.price, event.quote_id ?? null, event_time_ms, known_at_ms]);
        return;
      case "enrollment.completed":
      case "enrollment.dropped":
      case "enrollment.refunded":
        this.#outcomes[event.type].run([event.enrollment_id, event.learner_id, event.course_id, event_time_ms]);
    }
  }

  /** The event that last described it. */
  course(course_id: string): EventOf<"course.upserted"> | undefined {
    return this.#described("course.upserted", course_id) as EventOf<"course.upserted"> | undefined;
  }

  learner(learner_id: string): EventOf<"learner.upserted"> | undefined {
    return this.#described("learner.upserted", learner_id) as EventOf<"learner.upserted"> | undefined;
  }

  get enrollments_count(): number {
    return Number(this.#database.get("SELECT count(*) AS n FROM enrollment WHERE enrolled_ms IS NOT NULL")?.["n"]);
  }

  /** By enrollment_id. Outcomes of enrollments that nothing else is known of are left out. */
  *enrollments(): Iterable<EnrollmentDetail> {
    const statement = this.#database.prepare("SELECT * FROM enrollment WHERE enrolled_ms IS NOT NULL ORDER BY enrollment_id");
    try {
      for (const row of statement.iterate()) yield row as unknown as EnrollmentDetail;
    } finally {
      statement.finalize();
    }
  }

  close(): void {
    for (const statement of [this.#describe, this.#profile, this.#enroll, ...Object.values(this.#outcomes), ...this.#forget]) statement.finalize();
    this.#database.close();
  }

  /** As `last` folds it: of equal times the later event counts, and nothing from before 1970. */
  #describeAs(event: Described, id: string, time_ms: number): void {
    if (time_ms >= 0) this.#describe.run([event.type, id, time_ms, JSON.stringify(event)]);
  }

  #described(kind: Described["type"], id: string): unknown {
    const body = this.#profile.get([kind, id])?.["body"];
    return typeof body === "string" ? JSON.parse(body) : undefined;
  }
}
