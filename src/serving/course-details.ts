import type { Context } from "hono";
import type { CourseDetail } from "../contracts/catalogue.ts";
import { idSchema } from "../contracts/fields.ts";
import { CourseSheetReader } from "../features/course-sheet.ts";
import { courseFeatureIndex } from "../features/course-view.ts";
import { entityFeatureNames } from "../features/entity-reader.ts";
import { must } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { formatTime } from "../lib/time.ts";
import { demandCurve } from "../pricing/demand-curve.ts";
import { courseElasticityAnswer } from "../pricing/estimated-elasticity.ts";
import { CourseLookup } from "./course-lookup.ts";
import { validatedJson } from "./etag.ts";
import { type FeatureSource, mustFeatures, PerStore } from "./feature-source.ts";
import type { PriceService } from "./price-service.ts";
import { minuteOf, type PricingContext, pricingOf } from "./pricing-inputs.ts";
import { ProblemError } from "./problem.ts";
import type { Turns } from "./turns.ts";

const PRICE = courseFeatureIndex("price_tokens");

export interface CourseDetailsDeps extends PricingContext {
  readonly features: FeatureSource;
  readonly prices: PriceService;
  readonly clock: Clock;
  readonly turns: Turns;
}

/** GET /courses/{id}: everything that is known of one course, as of its minute, and the decision that a price call gets. */
export class CourseDetails {
  readonly #deps: CourseDetailsDeps;
  readonly #readers = new PerStore(({ store, reader }) => ({ lookup: new CourseLookup(reader), sheets: new CourseSheetReader(store) }));

  constructor(deps: CourseDetailsDeps) {
    this.#deps = deps;
  }

  answer(context: Context): Promise<Response> {
    return this.#deps.turns.once(() => this.#answer(context));
  }

  #answer(context: Context): Response {
    const { features, prices, clock } = this.#deps;
    const course_id = context.req.param("id") ?? "";
    const { lookup, sheets } = this.#readers.of(mustFeatures(features));
    const now_ms = clock.now_ms();
    const found = idSchema.safeParse(course_id).success ? lookup.known(course_id, now_ms, minuteOf(course_id, now_ms)) : undefined;
    if (found === undefined) throw new ProblemError("unknown_course", "No event of a course of this id has arrived, or none that tells a price.", { field: "course_id" });
    const { view } = found;
    const sheet = must(sheets.read(course_id, view.teacher_id, view.now_ms), "the course has just been read");
    const decision = prices.decision(course_id);
    const { inputs, model, policy } = pricingOf(this.#deps, found);
    const { points, horizon_days, volume, supported_range, degraded } = demandCurve(inputs, model, policy, decision.optimal_price);
    const answer: Omit<CourseDetail, "recommendation" | "freshness_ms"> = {
      course_id,
      title: sheet.profile?.title || null,
      prerequisites: [...(sheet.profile?.prerequisites ?? [])],
      category: view.category || null,
      teacher_id: view.teacher_id || null,
      teacher_band: sheet.band ?? null,
      list_price: view.features[PRICE]!,
      features: Object.fromEntries(entityFeatureNames.course.map((name, i) => [name, sheet.course.values[i]!])),
      price_history: sheet.prices.map(({ time_ms, price }) => ({ time: formatTime(time_ms), price })),
      repricings: sheet.repricings,
      elasticity: { estimated: courseElasticityAnswer(model, view.category, course_id), now: decision.elasticity },
      supported_range,
      demand_curve: { horizon_days, volume, points: [...points] },
      sequence: view.sequence,
      updated_at: formatTime(view.updated_at_ms),
      model: model?.version ?? "none",
      policy: policy.version,
      ...(degraded === undefined ? {} : { degraded }),
    };
    // The decision's own text: what is recorded is the hash of it.
    const content = `${JSON.stringify(answer).slice(0, -1)},"recommendation":${decision.json}`;
    return validatedJson(context, content, `${content},"freshness_ms":${Math.max(0, Math.round(now_ms - view.updated_at_ms))}}`);
  }
}
