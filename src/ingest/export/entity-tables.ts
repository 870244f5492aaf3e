import { entityFeatureNames } from "../../features/entity-reader.ts";
import { publicFeatures } from "../../features/feature-catalogue.ts";
import type { EntityName } from "../../features/store.ts";
import { must } from "../../lib/assert.ts";
import { parseTime } from "../../lib/time.ts";
import type { PropensityScorer } from "../../models/propensity/scorer.ts";
import type { DetailLedger } from "./detail-ledger.ts";
import { type LearnerScores, scoreColumns, type ScoreColumn, scoreLearner, summaryColumns } from "./learner-scores.ts";
import type { Cell, Column } from "./table.ts";

/** A column of a table that has one row an entity: from its id, its public features, and what else is known of it. */
export interface EntityColumn<Detail> extends Column {
  readonly cell: (id: string, features: Float64Array, detail: Detail) => Cell;
}

/** What a row is made from. */
export interface RowSource {
  readonly id: string;
  readonly features: Float64Array;
  /** When features are read. */
  readonly now_ms: number;
  readonly ledger: DetailLedger;
  readonly scorer: PropensityScorer;
}

/** A table that has one row for every record of an entity. */
export interface EntityTable<Detail = unknown> {
  readonly entity: EntityName;
  /** What has to be folded besides, since features of the entity read it. */
  readonly folded: readonly EntityName[];
  readonly columns: readonly EntityColumn<Detail>[];
  readonly detail: (source: RowSource) => Detail;
}

const NONE = 0;

/** Columns from an entity's features, those under a name of their own first. */
class FeatureColumns<Detail> {
  readonly #entity: EntityName;
  readonly #renamed = new Set<string>();

  constructor(entity: EntityName) {
    this.#entity = entity;
  }

  /** A whole number. */
  whole(feature: string, name = feature): EntityColumn<Detail> {
    const at = this.#position(feature);
    return { name, type: "integer", cell: (_id, features) => features[at]! };
  }

  /** A whole number, where 0 means that there is none. */
  wholeOrNone(feature: string, name = feature): EntityColumn<Detail> {
    const at = this.#position(feature);
    return { name, type: "integer", nullable: true, cell: (_id, features) => (features[at] === NONE ? null : features[at]!) };
  }

  double(feature: string, name = feature): EntityColumn<Detail> {
    const at = this.#position(feature);
    return { name, type: "double", cell: (_id, features) => features[at]! };
  }

  /** Where 0 means that there is none. */
  doubleOrNone(feature: string, name = feature): EntityColumn<Detail> {
    const at = this.#position(feature);
    return { name, type: "double", nullable: true, cell: (_id, features) => (features[at] === NONE ? null : features[at]!) };
  }

  /** Where 0 means never or unknown. */
  time(feature: string, name: string): EntityColumn<Detail> {
    const at = this.#position(feature);
    return { name, type: "timestamp", nullable: true, cell: (_id, features) => (features[at] === NONE ? null : features[at]!) };
  }

  /** Every feature that has no column yet, under its own name. */
  rest(): EntityColumn<Detail>[] {
    const left = publicFeatures(this.#entity).filter(({ name }) => !this.#renamed.has(name));
    return left.map(({ name, unit }) => (unit === "ms" ? this.time(name, name.replace(/_ms$/, "")) : this.double(name)));
  }

  #position(feature: string): number {
    this.#renamed.add(feature);
    const at = entityFeatureNames[this.#entity].indexOf(feature);
    return must(at < 0 ? undefined : at, `no feature ${feature} of ${this.#entity}`);
  }
}

function key<Detail>(name: string): EntityColumn<Detail> {
  return { name, type: "string", cell: (id) => id };
}

/** A column of what the entity was last described with; null where it never was. */
function said<Detail>(name: string, type: Column["type"], of: (detail: NonNullable<Detail>) => Cell | undefined): EntityColumn<Detail> {
  return { name, type, nullable: true, cell: (_id, _features, detail) => (detail === undefined || detail === null ? null : (of(detail) ?? null)) };
}

function scored<Detail>({ name, type, nullable = false, of }: ScoreColumn, scoresOf: (detail: Detail) => LearnerScores): EntityColumn<Detail> {
  return { name, type, nullable, cell: (_id, _features, detail) => of(scoresOf(detail)) };
}

interface LearnerDetail {
  readonly told: ReturnType<DetailLedger["learner"]>;
  readonly scored: LearnerScores;
}
type CourseDetail = ReturnType<DetailLedger["course"]>;

const json = (value: unknown): string | undefined => (value === undefined ? undefined : JSON.stringify(value));

function learners(): EntityTable<LearnerDetail> {
  const features = new FeatureColumns<LearnerDetail>("learner");
  return {
    entity: "learner",
    folded: [],
    detail: ({ id, features: values, ledger, scorer, now_ms }) => ({ told: ledger.learner(id), scored: scoreLearner(values, scorer, now_ms) }),
    columns: [
      key("learner_id"),
      features.time("registered_at_ms", "registered_at"),
      said("country", "string", ({ told }) => told?.country),
      said("attributes", "string", ({ told }) => json(told?.attributes)),
      said("described_at", "timestamp", ({ told }) => (told === undefined ? undefined : parseTime(told.time))),
      features.whole("balance_tokens", "token_balance"),
      features.whole("purchased_tokens", "tokens_purchased"),
      features.whole("earned_tokens", "tokens_earned"),
      features.whole("spent_tokens", "tokens_spent"),
      features.whole("enrolled", "total_courses_enrolled"),
      features.whole("completed", "courses_completed"),
      features.whole("dropped", "courses_dropped"),
      features.whole("refunded", "courses_refunded"),
      features.double("completion_rate"),
      features.double("days_since_last_enrollment"),
      features.double("days_since_last_activity"),
      features.time("last_activity_ms", "last_activity_at"),
      features.whole("streak_days", "learning_streak_days"),
      features.whole("longest_streak_days"),
      features.double("forum_participation", "forum_participation_score"),
      features.double("assignment_submission_rate"),
      features.doubleOrNone("rating_given_mean", "avg_course_rating_given"),
      features.whole("ratings_given"),
      ...summaryColumns.map((column) => scored<LearnerDetail>(column, (detail) => detail.scored)),
      ...features.rest(),
    ],
  };
}

/** A learner's scores in full: what segmentation and campaigns work with. */
function propensity(): EntityTable<LearnerScores> {
  return {
    entity: "learner",
    folded: [],
    detail: ({ features, scorer, now_ms }) => scoreLearner(features, scorer, now_ms),
    columns: [key("learner_id"), ...scoreColumns.map((column) => scored<LearnerScores>(column, (scores) => scores))],
  };
}

function courses(): EntityTable<CourseDetail> {
  const features = new FeatureColumns<CourseDetail>("course");
  return {
    entity: "course",
    folded: ["category", "teacher"],
    detail: ({ ledger, id }) => ledger.course(id),
    columns: [
      key("course_id"),
      said("title", "string", ({ title }) => title),
      said("teacher_id", "string", ({ teacher_id }) => teacher_id),
      said("category", "string", ({ category }) => category),
      // Features have them as numbers.
      said("difficulty_level", "string", ({ difficulty_level }) => difficulty_level),
      said("quality_tier", "string", ({ quality_tier }) => quality_tier),
      said("prerequisites", "string", ({ prerequisites }) => json(prerequisites)),
      said("launched_at", "timestamp", ({ launched_at }) => parseTime(launched_at)),
      said("described_at", "timestamp", ({ time }) => parseTime(time)),
      features.double("days_since_launch"),
      features.wholeOrNone("base_price_tokens", "base_price"),
      features.wholeOrNone("price_tokens", "token_price"),
      features.doubleOrNone("category_price_loo_tokens", "category_avg_price"),
      features.doubleOrNone("price_over_category", "competitive_index"),
      features.wholeOrNone("competitor_price_tokens", "competitor_price"),
      features.whole("total_enrollments"),
      features.double("completion_rate"),
      features.doubleOrNone("rating_mean", "avg_rating"),
      features.whole("ratings"),
      features.double("quality_score"),
      features.double("teacher_quality_score"),
      features.double("difficulty_level", "difficulty_ordinal"),
      features.double("quality_tier", "quality_tier_ordinal"),
      ...features.rest(),
    ],
  };
}

function teachers(): EntityTable<undefined> {
  const features = new FeatureColumns<undefined>("teacher");
  return {
    entity: "teacher",
    folded: [],
    detail: () => undefined,
    columns: [
      key("teacher_id"),
      features.double("quality_given", "teacher_quality_score"),
      features.whole("courses", "total_courses"),
      features.whole("enrollments", "total_enrollments"),
      features.whole("completions"),
      features.double("completion_rate"),
      features.whole("refunds"),
      features.doubleOrNone("rating_mean", "avg_rating"),
      features.whole("ratings"),
      features.whole("revenue_tokens", "total_revenue"),
      features.wholeOrNone("min_price_tokens", "min_price"),
      features.wholeOrNone("max_price_tokens", "max_price"),
      ...features.rest(),
    ],
  };
}

function platformMetrics(): EntityTable<undefined> {
  const features = new FeatureColumns<undefined>("platform");
  const exact = ["exposures", "enrollments", "completions", "refunds", "revenue_tokens", "tokens_sold", "tokens_earned", "tokens_spent", "tokens_refunded", "tokens_expired", "tokens_outstanding_change", "tokens_outstanding"];
  return {
    entity: "platform",
    folded: [],
    detail: () => undefined,
    columns: [{ name: "date", type: "date", cell: (day) => parseTime(`${day}T00:00:00Z`) }, ...exact.map((feature) => features.whole(feature)), ...features.rest()],
  };
}

/** Names of the seed first, then every other feature under its own. */
export const entityTables = { learners: learners(), teachers: teachers(), courses: courses(), platform_metrics: platformMetrics(), propensity: propensity() } as const;
