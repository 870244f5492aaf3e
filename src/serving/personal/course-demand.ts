import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import type { Policy } from "../../contracts/policy.ts";
import type { PersonalInputs } from "../../contracts/quote.ts";
import type { Clock } from "../../lib/clock.ts";
import { encodeDoubles } from "../../lib/doubles.ts";
import { MINUTE_MS } from "../../lib/time.ts";
import { decisionOf } from "../../pricing/decision.ts";
import { feature, featureAt } from "../../pricing/inputs.ts";
import { priceCourse } from "../../pricing/price-course.ts";
import type { DemandNodes } from "../../pricing/quadrature.ts";
import { AnswerCache } from "../answer-cache.ts";
import { CourseLookup, type FoundCourse } from "../course-lookup.ts";
import type { DecisionLog } from "../decision-log.ts";
import { type OpenFeatures, PerStore } from "../feature-source.ts";
import { type CourseScope, FixedPolicy } from "../policy-source.ts";
import { minuteOf, type PricingContext, pricingOf, scopeOf } from "../pricing-inputs.ts";
import { ProblemError } from "../problem.ts";

/** About 2 KB each. */
const KEPT_MAX = 4_096;
const PRICES_MAX = 65_536;

/** The course's side of a personal price: the same for every learner. */
export interface CourseDemand {
  readonly part: Pick<PersonalInputs, "objective" | "cost_tokens" | "revenue_floor_share" | "list_price" | "anchor_price" | "lowest_price" | "rounding" | "slopes" | "odds">;
  /** The same demand as `part` records. */
  readonly nodes: DemandNodes;
  /** Of the course's demand, log-odds a log price. */
  readonly slope: number;
  /** Of all courses of the category; 0 where nothing is known. */
  readonly category_conversion: number;
  readonly decision_id: string;
  readonly course_sequence: number;
  readonly model: string;
}

interface Kept {
  readonly demand: CourseDemand;
  readonly policy: Policy;
  readonly model: PricingContext["models"]["current"];
  readonly reasons: PricingContext["degradation"]["reasons"];
  readonly until_ms: number;
  readonly fingerprint: number | undefined;
}

/** A course as a call meets it: what decides its policy at once, everything else when somebody asks for it. */
export interface CourseSide {
  readonly course_id: string;
  /** Of the record, its views left out. */
  readonly fingerprint: number | undefined;
  readonly scope: CourseScope;
  readonly found: () => FoundCourse;
}

export interface CourseDemandDeps extends PricingContext {
  readonly decisions: DecisionLog;
  readonly clock: Clock;
}

/**
 * What personal prices need of courses: made once for all learners of a course's minute, as course-level decisions are, and recorded as such a decision. Anything but
 * a view makes it anew.
 */
export class CourseDemands {
  readonly #deps: CourseDemandDeps;
  readonly #stores = new PerStore(({ reader }) => ({ lookup: new CourseLookup(reader), kept: new AnswerCache<Kept>(KEPT_MAX), scopes: new AnswerCache<Pick<CourseSide, "fingerprint" | "scope">>(KEPT_MAX), prices: new AnswerCache<{ readonly sequence: number; readonly price: number }>(PRICES_MAX) }));

  constructor(deps: CourseDemandDeps) {
    this.#deps = deps;
  }

  /** Tokens that the course costs now; undefined when nobody knows it. */
  listPrice(open: OpenFeatures, course_id: string): number | undefined {
    const { reader } = open;
    const { prices } = this.#stores.of(open);
    const sequence = reader.courseSequence(course_id);
    if (sequence === undefined) return undefined;
    const before = prices.get(course_id);
    if (before?.sequence === sequence) return before.price;
    const price = reader.listPrice(course_id);
    if (price !== undefined) prices.set(course_id, { sequence, price });
    return price;
  }

  /** Throws ProblemError. */
  side(open: OpenFeatures, course_id: string, now_ms: number): CourseSide {
    const { lookup, scopes } = this.#stores.of(open);
    const found = once(() => {
      const course = lookup.known(course_id, now_ms, minuteOf(course_id, now_ms));
      if (course === undefined) throw new ProblemError("unknown_course", `No event of course ${course_id} has arrived.`, { field: "course_id" });
      return course;
    });
    const fingerprint = open.reader.courseFingerprint(course_id);
    const before = scopes.get(course_id);
    // Category and teacher are part of the fingerprint.
    if (before !== undefined && before.fingerprint === fingerprint) return { course_id, fingerprint, scope: before.scope, found };
    const scope = scopeOf(found());
    scopes.set(course_id, { fingerprint, scope });
    return { course_id, fingerprint, scope, found };
  }

  of(open: OpenFeatures, { course_id, fingerprint, found }: CourseSide, policy: Policy, now_ms: number): CourseDemand {
    const { models, degradation } = this.#deps;
    const { kept } = this.#stores.of(open);
    const key = `${course_id} ${policy.version}`;
    const before = kept.get(key);
    if (before !== undefined && now_ms < before.until_ms && before.policy === policy && before.model === models.current && before.reasons === degradation.reasons && before.fingerprint === fingerprint) return before.demand;
    const course = found();
    const demand = this.#make(open, course, policy, now_ms);
    kept.set(key, { demand, policy, model: models.current, reasons: degradation.reasons, until_ms: course.view.now_ms + MINUTE_MS, fingerprint });
    return demand;
  }

  #make(open: OpenFeatures, found: FoundCourse, policy: Policy, now_ms: number): CourseDemand {
    const { models, degradation, decisions } = this.#deps;
    const { inputs, model } = pricingOf({ models, degradation, policies: new FixedPolicy(policy) }, found);
    const outcome = priceCourse(inputs, model, policy);
    const decision = decisionOf(outcome);
    decisions.record(decision, { decided_at_ms: now_ms, cursor_sequence: open.store.cursor(STREAM_EVENTS)?.sequence ?? 0 });
    const { posterior, supported } = outcome;
    const list_price = inputs.current_price;
    const most_off = Math.ceil(list_price * (1 - policy.personalisation.max_discount));
    const anchor_price = Math.min(list_price, Math.max(most_off, decision.answer.optimal_price));
    const lowest = Math.max(inputs.terms.floor_tokens, most_off, Math.ceil(supported.low));
    return {
      part: {
        objective: inputs.objective,
        cost_tokens: inputs.terms.cost_tokens,
        revenue_floor_share: policy.revenue_floor_share,
        list_price,
        anchor_price,
        lowest_price: Math.max(1, Math.min(anchor_price, lowest)),
        rounding: policy.rounding,
        slopes: encodeDoubles(posterior.nodes.slopes),
        odds: encodeDoubles(posterior.nodes.odds),
      },
      nodes: posterior.nodes,
      slope: posterior.slope,
      category_conversion: feature(inputs, featureAt.category_conversion_90d),
      decision_id: decision.id,
      course_sequence: found.view.sequence,
      model: model?.version ?? "none",
    };
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
