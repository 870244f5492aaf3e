import type { EventType } from "../../contracts/events.ts";
import type { CellKind, CellValue } from "./cell.ts";

export interface ImportColumn {
  readonly name: string;
  readonly kind: CellKind;
  /** Names that other platforms call it by; case, blanks and separators do not count. */
  readonly aliases: readonly string[];
  readonly required?: boolean;
  /** A column that has the same in it: where the file has that one, this one is not guessed. */
  readonly within?: string;
}

/** A row's values by column; what is missing is absent. */
export type ImportRow = Readonly<Record<string, CellValue | undefined>>;

/** An event in the making: its schema decides whether it becomes one. */
export interface EventDraft {
  readonly type: EventType;
  /** Undefined: the platform always knew it, as far as these files go. */
  readonly time_ms: number | undefined;
  readonly known_at_ms?: number | undefined;
  /** What makes it the same event however often, and in whatever file, it is imported. */
  readonly identity: string;
  /** What the row itself goes by: a stream that has an event of this id, or this of an enrollment, has the row. */
  readonly source_id?: string | undefined;
  readonly fields: Readonly<Record<string, CellValue | undefined>>;
}

/** What is known of the import as a whole when a row of a table that describes entities is read. */
export interface ImportScope {
  /** The latest time in the tables of events. */
  readonly latest_ms: number | undefined;
  /** Whether a table says when list prices changed. */
  readonly prices_told: boolean;
  note(text: string): void;
}

export interface ImportTable {
  readonly columns: readonly ImportColumn[];
  /** Columns that make a row unique; none: equal rows are as many events. */
  readonly key: readonly string[];
  /** The events of a row, or why it gives none. */
  readonly drafts: (row: ImportRow, scope: ImportScope) => readonly EventDraft[] | string;
}

function column(name: string, kind: CellKind, aliases: readonly string[] = []): ImportColumn {
  return { name, kind, aliases };
}
const required = (one: ImportColumn): ImportColumn => ({ ...one, required: true });

const learnerId = column("learner_id", "id", ["user_id", "student_id", "customer_id", "learner", "user", "student"]);
const courseId = column("course_id", "id", ["course", "product_id", "item_id"]);
const knownAt = column("known_at", "time");
const quoteId = column("quote_id", "id");
const price = column("token_price", "number", ["price", "price_tokens", "tokens", "price_paid", "amount", "cost"]);

const text = (value: CellValue | undefined): string => (value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
const ms = (value: CellValue | undefined): number | undefined => (typeof value === "number" ? value : undefined);

function identityOf(row: ImportRow, id: string, but: readonly string[] = []): string {
  const own = text(row[id]);
  if (own !== "") return own;
  return Object.keys(row).filter((name) => name !== id && !but.includes(name)).sort().map((name) => `${name}=${text(row[name])}`).join("\n");
}

/** What describes an entity is another event when it says something else. */
function described(row: ImportRow): string {
  return identityOf(row, "");
}

function event(type: EventType, row: ImportRow, time: string, id: string, fields: EventDraft["fields"]): EventDraft {
  const source_id = typeof row[id] === "string" ? row[id] : undefined;
  return { type, time_ms: ms(row[time]), known_at_ms: ms(row["known_at"]), identity: identityOf(row, id), source_id, fields };
}

const tokenTypes: Readonly<Record<string, EventType>> = {
  purchased: "token.purchased",
  purchase: "token.purchased",
  bought: "token.purchased",
  topup: "token.purchased",
  earned: "token.earned",
  earn: "token.earned",
  reward: "token.earned",
  bonus: "token.earned",
  spent: "token.spent",
  spend: "token.spent",
  refunded: "token.refunded",
  refund: "token.refunded",
  expired: "token.expired",
  expire: "token.expired",
  expiry: "token.expired",
};
const activityTypes: Readonly<Record<string, EventType>> = {
  session: "activity.session",
  assignment: "activity.assignment",
  submission: "activity.assignment",
  forum: "activity.forum",
  forum_post: "activity.forum",
  post: "activity.forum",
  rating: "activity.rating",
  review: "activity.rating",
};

function oneOf(types: Readonly<Record<string, EventType>>, value: CellValue | undefined): EventType | string {
  const label = text(value).replaceAll(/[ -]/g, "_").replace(/^(token|activity)[._]/, "");
  return types[label] ?? `${JSON.stringify(value)} is none of ${[...new Set(Object.values(types))].map((type) => type.split(".")[1]).join(", ")}`;
}

const isType = (type: string): type is EventType => /^[a-z]+\.[a-z_]+$/.test(type);

const outcomes = { completed: "completed_at", dropped: "dropped_at", refunded: "refunded_at" } as const;

/** Neither an id nor what `importedId` makes: of an enrollment each of these happens once. */
export const enrollmentIdentity = (type: string, enrollment_id: string): string => `${type}/${enrollment_id}`;

function enrollmentDrafts(row: ImportRow, scope: ImportScope): EventDraft[] {
  const { enrollment_id, learner_id, course_id, token_price, quote_id } = row;
  const about = { enrollment_id, learner_id, course_id };
  const identity = text(enrollment_id);
  const draft = (type: EventType, time_ms: number | undefined, fields: EventDraft["fields"]): EventDraft => ({ type, time_ms, identity, source_id: enrollmentIdentity(type, identity), fields });
  const drafts: EventDraft[] = [{ ...draft("enrollment.created", ms(row["enrolled_at"]), { ...about, price: token_price, quote_id }), known_at_ms: ms(row["known_at"]) }];
  for (const [outcome, at] of Object.entries(outcomes)) {
    const time_ms = ms(row[at]);
    if (time_ms !== undefined) drafts.push(draft(`enrollment.${outcome}` as EventType, time_ms, about));
    else if (row["status"] === outcome) scope.note(`enrollments are ${outcome} at an unknown time, which is left out: map a column to enrollments.${at}`);
  }
  return drafts;
}

function courseDrafts(row: ImportRow, { latest_ms, prices_told, note }: ImportScope): EventDraft[] {
  const { course_id, teacher_id, category, difficulty_level, quality_tier, title, prerequisites, launched_at, described_at, base_price, token_price } = row;
  const launched_ms = ms(launched_at);
  const launched = launched_ms === undefined ? undefined : new Date(launched_ms).toISOString();
  const fields = { course_id, teacher_id, category, difficulty_level, quality_tier, base_price: base_price ?? token_price, launched_at: launched, title, prerequisites };
  const drafts: EventDraft[] = [{ type: "course.upserted", time_ms: ms(described_at) ?? launched_ms, identity: described(row), fields }];
  if (!prices_told && base_price !== undefined && token_price !== undefined && base_price !== token_price) {
    note("courses have another price now than they launched with: the change is taken to have come last; --price-changes says when it did");
    const time_ms = Math.max(latest_ms ?? 0, ms(described_at) ?? 0, launched_ms ?? 0);
    drafts.push({ type: "course.repriced", time_ms, identity: `${text(course_id)}\n${text(token_price)}\n${time_ms}`, fields: { course_id, price: token_price } });
  }
  return drafts;
}

/** Of the attributes, those that have a column of their own win. */
function learnerDrafts(row: ImportRow): EventDraft[] {
  const { learner_id, registered_at, described_at, country, attributes, device, goal, employer_paid } = row;
  const registered_ms = ms(registered_at);
  const own = Object.entries({ device, goal, employer_paid }).filter(([, value]) => value !== undefined);
  const all = attributes === undefined && own.length === 0 ? undefined : { ...(attributes as object | undefined), ...Object.fromEntries(own) };
  const fields = { learner_id, registered_at: registered_ms === undefined ? undefined : new Date(registered_ms).toISOString(), country, attributes: all };
  return [{ type: "learner.upserted", time_ms: ms(described_at) ?? registered_ms, identity: described(row), fields }];
}

/**
 * The tables that a history comes in, with the names that `export` gives their columns; those of events first. What entities are described with is
 * read after them: by then it is known from when to when the history reaches.
 */
export const importTables = {
  enrollments: {
    columns: [
      required(column("enrollment_id", "id", ["id", "order_id"])),
      required(learnerId),
      required(courseId),
      required(price),
      required(column("enrolled_at", "time", ["enrollment_date", "enrollment_time", "enrolled", "created_at", "timestamp", "date", "time"])),
      column("status", "label", ["enrollment_status", "state"]),
      column("completed_at", "time", ["completion_date", "completed_on", "finished_at"]),
      column("dropped_at", "time", ["drop_date", "dropout_date", "cancelled_at", "canceled_at"]),
      column("refunded_at", "time", ["refund_date"]),
      quoteId,
      knownAt,
    ],
    key: ["enrollment_id"],
    drafts: enrollmentDrafts,
  },
  token_transactions: {
    columns: [
      column("transaction_id", "id", ["id", "token_transaction_id"]),
      required(learnerId),
      required(column("transaction_type", "label", ["type", "kind"])),
      required(column("amount", "number", ["tokens", "token_amount", "quantity"])),
      courseId,
      required(column("transaction_at", "time", ["transaction_date", "transaction_time", "created_at", "timestamp", "date", "time"])),
      knownAt,
    ],
    key: ["transaction_id"],
    drafts: (row) => {
      const { learner_id, amount, course_id } = row;
      const type = oneOf(tokenTypes, row["transaction_type"]);
      // Some ledgers have what goes out with a minus.
      const size = typeof amount === "number" ? Math.abs(amount) : amount;
      return isType(type) ? [event(type, row, "transaction_at", "transaction_id", { learner_id, amount: size, course_id })] : type;
    },
  },
  exposures: {
    columns: [
      column("exposure_id", "id", ["id", "view_id", "event_id", "impression_id"]),
      required(learnerId),
      required(courseId),
      required(price),
      required(column("viewed_at", "time", ["view_time", "created_at", "timestamp", "date", "time"])),
      quoteId,
      knownAt,
    ],
    key: ["exposure_id"],
    drafts: (row) => {
      const { learner_id, course_id, token_price, quote_id } = row;
      return [event("exposure.viewed", row, "viewed_at", "exposure_id", { learner_id, course_id, price: token_price, quote_id })];
    },
  },
  activities: {
    columns: [
      column("activity_id", "id", ["id", "event_id"]),
      required(learnerId),
      required(column("activity_type", "label", ["type", "kind"])),
      courseId,
      required(column("occurred_at", "time", ["activity_date", "created_at", "timestamp", "date", "time"])),
      column("minutes", "number", ["duration_minutes", "duration"]),
      column("submitted", "boolean", ["is_submitted"]),
      column("score", "number", ["grade"]),
      column("rating", "number", ["stars"]),
      knownAt,
    ],
    key: ["activity_id"],
    drafts: (row) => {
      const { learner_id, course_id, minutes, submitted, score, rating } = row;
      const type = oneOf(activityTypes, row["activity_type"]);
      return isType(type) ? [event(type, row, "occurred_at", "activity_id", { learner_id, course_id, minutes, submitted, score, rating })] : type;
    },
  },
  price_changes: {
    columns: [
      column("price_change_id", "id", ["id", "event_id"]),
      required(courseId),
      required(price),
      required(column("changed_at", "time", ["valid_from", "effective_at", "created_at", "timestamp", "date", "time"])),
      column("jitter_base", "number"),
      column("jitter_sigma", "number"),
      column("jitter_probability", "number"),
      knownAt,
    ],
    key: ["price_change_id"],
    drafts: (row) => {
      const { course_id, token_price, jitter_base: base, jitter_sigma: sigma, jitter_probability: probability } = row;
      const jitter = base === undefined && sigma === undefined && probability === undefined ? undefined : { base, sigma, probability };
      return [event("course.repriced", row, "changed_at", "price_change_id", { course_id, price: token_price, jitter })];
    },
  },
  competitor_prices: {
    columns: [
      column("observation_id", "id", ["id", "event_id"]),
      required(column("category", "name", ["category_name", "subject"])),
      courseId,
      required(column("price", "number", ["competitor_price", "token_price", "amount"])),
      required(column("observed_at", "time", ["created_at", "timestamp", "date", "time"])),
      knownAt,
    ],
    key: ["observation_id"],
    drafts: (row) => {
      const { category, course_id, price: seen } = row;
      return [event("market.competitor_price", row, "observed_at", "observation_id", { category, course_id, price: seen })];
    },
  },
  learners: {
    columns: [
      required(column("learner_id", "id", [...learnerId.aliases, "id"])),
      required(column("registered_at", "time", ["registration_date", "registered", "signup_date", "signed_up_at", "created_at", "joined", "joined_at", "join_date"])),
      column("described_at", "time"),
      column("country", "text", ["country_code"]),
      column("attributes", "json"),
      { ...column("device", "label", ["main_device"]), within: "attributes" },
      { ...column("goal", "label", ["learning_goal"]), within: "attributes" },
      { ...column("employer_paid", "boolean"), within: "attributes" },
    ],
    key: ["learner_id"],
    drafts: learnerDrafts,
  },
  courses: {
    columns: [
      required(column("course_id", "id", [...courseId.aliases, "id"])),
      column("title", "text", ["name", "course_name", "course_title"]),
      required(column("teacher_id", "id", ["instructor_id", "author_id", "teacher", "instructor"])),
      required(column("category", "name", ["category_name", "subject", "topic"])),
      required(column("difficulty_level", "label", ["difficulty", "level"])),
      required(column("quality_tier", "label", ["tier", "quality"])),
      column("base_price", "number", ["launch_price", "original_price"]),
      column("token_price", "number", ["price", "current_price", "list_price", "price_tokens"]),
      required(column("launched_at", "time", ["launch_date", "launched", "created_at", "published_at", "release_date"])),
      column("described_at", "time"),
      column("prerequisites", "json"),
    ],
    key: ["course_id"],
    drafts: courseDrafts,
  },
  teachers: {
    columns: [
      required(column("teacher_id", "id", ["instructor_id", "author_id", "id", "teacher", "instructor"])),
      column("described_at", "time"),
      column("quality_score", "number", ["teacher_quality_score", "quality"]),
      column("min_price", "number", ["price_min", "floor"]),
      column("max_price", "number", ["price_max", "ceiling"]),
    ],
    key: ["teacher_id"],
    drafts: (row) => {
      const { teacher_id, described_at, quality_score, min_price, max_price } = row;
      return [{ type: "teacher.upserted", time_ms: ms(described_at), identity: described(row), fields: { teacher_id, quality_score, min_price, max_price } }];
    },
  },
} as const satisfies Readonly<Record<string, ImportTable>>;

export type ImportTableName = keyof typeof importTables;
export const importTableNames = Object.keys(importTables) as ImportTableName[];
