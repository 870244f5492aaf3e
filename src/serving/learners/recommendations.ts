import type { Context } from "hono";
import { type Recommendation, type RecommendationsAnswer, type RecommendationsQuery, recommendationsQuerySchema } from "../../contracts/learner-scores.ts";
import { affordability } from "../../features/affordability.ts";
import type { CourseBlock } from "../../features/course-block.ts";
import type { CourseIndex } from "../../features/course-index.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import { formatTime } from "../../lib/time.ts";
import { conversionNow, enrollmentProbability, expectedValue, learnerLevel, tasteLift } from "../../pricing/learners/recommend.ts";
import { roundRate, roundTokens } from "../../pricing/money.ts";
import { readQuery } from "../body.ts";
import { type CourseIndexes, indexedAt } from "../course-indexes.ts";
import { CourseLookup } from "../course-lookup.ts";
import { mustFeatures, type OpenFeatures, PerStore } from "../feature-source.ts";
import { jsonInit } from "../headers.ts";
import { minuteOf, type PricingContext, pricingOf } from "../pricing-inputs.ts";
import { type LearnerCourses, readLearnerCourses } from "./learner-courses.ts";
import type { LearnerDesk } from "./learner-desk.ts";
import type { ScoredLearner } from "./learner-scores.ts";

/** Courses that are valued exactly: the most promising by the index, some of which prerequisites rule out. */
const VALUED_MAX = 100;
const CONSIDERED_MAX = 300;
const VALUED_PER_STEP = 8;
/** Views that the platform's conversion weighs as much as, when courses are sifted by their own few sales. */
const SALES_PRIOR = 30;
/** A taste that is worth a word. */
const LIFT_TOLD = 0.1;

const BALANCE = learnerPosition("balance_tokens");
const ENROLLED = learnerPosition("enrolled");
const EXPOSURES = learnerPosition("exposures");

/** What is the same for all courses of one answer. */
interface Taste {
  readonly learner_id: string;
  readonly courses: LearnerCourses;
  /** Enrollments of the learner by category, and all of them. */
  readonly by_category: ReadonlyMap<string, number>;
  readonly enrollments: number;
  readonly level: number;
  readonly balance_tokens: number;
}

/** Quotes that can be redeemed now. */
export interface HeldQuotes {
  held(learner_id: string, course_id: string): { readonly quote_id: string; readonly price: number; readonly expires_ms: number } | undefined;
}

interface RecommendationDeps {
  readonly quotes: HeldQuotes;
  readonly desk: LearnerDesk;
  readonly indexes: CourseIndexes;
  readonly pricing: PricingContext;
}

/**
 * GET /learner/{id}/recommendations: the courses that the learner is expected to bring most tokens with, at the prices that they have now. What the learner enrolled in
 * before is left out, and what still lacks a prerequisite. A personal quote that the learner holds is cited; none is made.
 */
export class Recommendations {
  readonly #deps: RecommendationDeps;
  readonly #lookups = new PerStore(({ reader }) => new CourseLookup(reader));

  constructor(deps: RecommendationDeps) {
    this.#deps = deps;
  }

  answer(context: Context): Promise<Response> {
    const query = readQuery(context, recommendationsQuerySchema);
    const { desk, indexes } = this.#deps;
    const { turns, features } = desk.deps;
    return turns.admit(async () => {
      for (;;) {
        const scored = desk.asked(context);
        const open = mustFeatures(features);
        const index = await indexes.of(open);
        if (index === undefined) continue;
        const recommendations = await turns.run(this.#recommend(open, index, scored, query), () => features.current === open);
        if (recommendations === undefined) continue;
        const { learner_id, cold_start } = scored;
        const model = this.#deps.pricing.models.current?.model.version ?? "none";
        const answer: RecommendationsAnswer = { learner_id, recommendations, balance_tokens: scored.features[BALANCE]!, cold_start, model, ...indexedAt(index) };
        return new Response(JSON.stringify(answer), jsonInit);
      }
    });
  }

  *#recommend(open: OpenFeatures, index: CourseIndex, scored: ScoredLearner, query: RecommendationsQuery): Generator<void, Recommendation[]> {
    const courses = yield* readLearnerCourses(open.store, scored.learner_id, scored.at_ms);
    const taste = yield* this.#taste(open, index, scored, courses);
    const considered = yield* index.top(CONSIDERED_MAX + courses.enrolled.size, siftingValue(index, taste, query.category));
    const allowed = considered.filter((course_id) => !courses.enrolled.has(course_id) && prerequisites(open, course_id).every((needed) => courses.completed.has(needed)));
    const valued: Recommendation[] = [];
    for (const [i, course_id] of allowed.slice(0, VALUED_MAX).entries()) {
      if (i % VALUED_PER_STEP === 0) yield;
      const recommendation = this.#value(open, index, taste, course_id);
      if (recommendation !== undefined) valued.push(recommendation);
    }
    return valued.sort((a, b) => b.expected_value_tokens - a.expected_value_tokens || (a.course_id < b.course_id ? -1 : 1)).slice(0, query.limit);
  }

  *#taste(open: OpenFeatures, index: CourseIndex, { learner_id, features }: ScoredLearner, courses: LearnerCourses): Generator<void, Taste> {
    const lookup = this.#lookups.of(open);
    const now_ms = this.#deps.desk.deps.clock.now_ms();
    const by_category = new Map<string, number>();
    let enrollments = 0;
    for (const course_id of courses.enrolled) {
      if (++enrollments % VALUED_PER_STEP === 0) yield;
      const category = lookup.known(course_id, now_ms, now_ms)?.view.category ?? "";
      by_category.set(category, (by_category.get(category) ?? 0) + 1);
    }
    return { learner_id, courses, by_category, enrollments, level: learnerLevel(features[ENROLLED]!, features[EXPOSURES]!, index.conversion), balance_tokens: features[BALANCE]! };
  }

  /** undefined where the course has no price any more. */
  #value(open: OpenFeatures, index: CourseIndex, taste: Taste, course_id: string): Recommendation | undefined {
    const { pricing, desk, quotes } = this.#deps;
    const now_ms = desk.deps.clock.now_ms();
    const found = this.#lookups.of(open).known(course_id, now_ms, minuteOf(course_id, now_ms));
    if (found === undefined) return undefined;
    const { inputs, model } = pricingOf(pricing, found);
    const { category } = found.view;
    const conversion = conversionNow(inputs, model);
    const lift = liftOf(index, taste, category);
    const probability = enrollmentProbability(conversion, taste.level, lift);
    const quote = quotes.held(taste.learner_id, course_id);
    const to_pay = quote?.price ?? inputs.current_price;
    return {
      course_id,
      title: open.store.profile(course_id)?.title || null,
      category: category || null,
      price: inputs.current_price,
      quote: quote === undefined ? null : { quote_id: quote.quote_id, price: quote.price, expires_at: formatTime(quote.expires_ms) },
      enrollment_probability: roundRate(probability),
      expected_value_tokens: roundTokens(expectedValue(probability, inputs.current_price, affordability(taste.balance_tokens, inputs.current_price))),
      affordability: roundRate(affordability(taste.balance_tokens, to_pay)),
      reason: reasonOf({ conversion, lift, category, to_pay, quoted: quote !== undefined, needed: prerequisites(open, course_id).length }, taste),
    };
  }
}

function prerequisites(open: OpenFeatures, course_id: string): readonly string[] {
  return open.store.profile(course_id)?.prerequisites ?? [];
}

function liftOf(index: CourseIndex, { by_category, enrollments }: Taste, category: string): number {
  return tasteLift({ enrollments: by_category.get(category) ?? 0, share: index.share(category) }, enrollments);
}

/** What a course promises by its index row: its own sales, shrunk, at its price. Courses of another category than asked for promise nothing at all. */
function siftingValue(index: CourseIndex, taste: Taste, category: string | undefined): (block: CourseBlock, row: number) => number {
  const only = category === undefined ? -1 : index.categoryNumber(category);
  // Of any category that the learner never chose it is the same, whatever the category's share.
  const elsewhere = tasteLift({ enrollments: 0, share: 1 }, taste.enrollments);
  const lifts = new Map([...taste.by_category.keys()].map((name) => [index.categoryNumber(name), liftOf(index, taste, name)]));
  return ({ columns, categories }, row) => {
    if (only >= 0 && categories[row] !== only) return Number.NEGATIVE_INFINITY;
    const price = columns.price[row]!;
    const conversion = (columns.enrollments[row]! + SALES_PRIOR * index.conversion) / (columns.exposures[row]! + SALES_PRIOR);
    return expectedValue(enrollmentProbability(conversion, taste.level, lifts.get(categories[row]!) ?? elsewhere), price, affordability(taste.balance_tokens, price));
  };
}

interface Reasons {
  readonly conversion: number;
  readonly lift: number;
  readonly category: string;
  readonly to_pay: number;
  readonly quoted: boolean;
  /** Prerequisites, all of them completed. */
  readonly needed: number;
}

function reasonOf({ conversion, lift, category, to_pay, quoted, needed }: Reasons, { balance_tokens, by_category, enrollments }: Taste): string {
  const parts = [`${roundTokens(conversion * 100)} % of those who see it enroll.`];
  if (lift > LIFT_TOLD) parts.push(`${by_category.get(category) ?? 0} of the learner's ${enrollments} enrollments are in ${category}.`);
  if (needed > 0) parts.push(needed === 1 ? "Its prerequisite is completed." : `Its ${needed} prerequisites are completed.`);
  if (quoted) parts.push(`The learner was quoted ${to_pay} ${to_pay === 1 ? "token" : "tokens"} for it.`);
  const short = Math.ceil(to_pay - Math.max(0, balance_tokens));
  parts.push(short <= 0 ? "The balance covers its price." : `The balance is ${short} ${short === 1 ? "token" : "tokens"} short of its price.`);
  return parts.join(" ");
}
