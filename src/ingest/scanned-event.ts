/** Fields in the order of the constructor's values. */
export const scannedFields = [
  "id",
  "type",
  "time",
  "known_at",
  "course_id",
  "learner_id",
  "teacher_id",
  "category",
  "enrollment_id",
  "quote_id",
  "price",
  "amount",
  "minutes",
  "submitted",
  "score",
  "rating",
  "jitter",
  "difficulty_level",
  "quality_tier",
  "base_price",
  "launched_at",
  "title",
  "registered_at",
  "country",
  "quality_score",
  "min_price",
  "max_price",
] as const;

/**
 * An event of any type, with undefined for what it does not have: one shape for all, so that the code that folds them
 * meets no other. A type with a field that is not here is decoded by its schema, more slowly.
 */
export class ScannedEvent {
  readonly id: unknown;
  readonly type: unknown;
  readonly time: unknown;
  readonly known_at: unknown;
  readonly course_id: unknown;
  readonly learner_id: unknown;
  readonly teacher_id: unknown;
  readonly category: unknown;
  readonly enrollment_id: unknown;
  readonly quote_id: unknown;
  readonly price: unknown;
  readonly amount: unknown;
  readonly minutes: unknown;
  readonly submitted: unknown;
  readonly score: unknown;
  readonly rating: unknown;
  readonly jitter: unknown;
  readonly difficulty_level: unknown;
  readonly quality_tier: unknown;
  readonly base_price: unknown;
  readonly launched_at: unknown;
  readonly title: unknown;
  readonly registered_at: unknown;
  readonly country: unknown;
  readonly quality_score: unknown;
  readonly min_price: unknown;
  readonly max_price: unknown;

  constructor(values: readonly unknown[]) {
    this.id = values[0];
    this.type = values[1];
    this.time = values[2];
    this.known_at = values[3];
    this.course_id = values[4];
    this.learner_id = values[5];
    this.teacher_id = values[6];
    this.category = values[7];
    this.enrollment_id = values[8];
    this.quote_id = values[9];
    this.price = values[10];
    this.amount = values[11];
    this.minutes = values[12];
    this.submitted = values[13];
    this.score = values[14];
    this.rating = values[15];
    this.jitter = values[16];
    this.difficulty_level = values[17];
    this.quality_tier = values[18];
    this.base_price = values[19];
    this.launched_at = values[20];
    this.title = values[21];
    this.registered_at = values[22];
    this.country = values[23];
    this.quality_score = values[24];
    this.min_price = values[25];
    this.max_price = values[26];
  }
}
