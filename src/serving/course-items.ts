import type { CourseItem, ShortRecommendation } from "../contracts/catalogue.ts";
import { courseFeatureIndex } from "../features/course-view.ts";
import { optimizeAnswer } from "../pricing/answer.ts";
import { courseElasticityAnswer } from "../pricing/estimated-elasticity.ts";
import { roundRate } from "../pricing/money.ts";
import { priceCourse } from "../pricing/price-course.ts";
import type { FoundCourse } from "./course-lookup.ts";
import { type PricingContext, pricingOf } from "./pricing-inputs.ts";

const at = {
  price: courseFeatureIndex("price_tokens"),
  enrollments_30d: courseFeatureIndex("enrollments_30d"),
  exposures_30d: courseFeatureIndex("exposures_30d"),
  revenue_30d_tokens: courseFeatureIndex("revenue_30d_tokens"),
  conversion_30d: courseFeatureIndex("conversion_30d"),
  rating_mean: courseFeatureIndex("rating_mean"),
  ratings: courseFeatureIndex("ratings"),
} as const;

/** What a price call would answer now, computed the same way; no decision is made of it, and none recorded. */
function shortRecommendation(context: PricingContext, found: FoundCourse): ShortRecommendation {
  const { inputs, model, policy } = pricingOf(context, found);
  const { optimal_price, expected, recommendation, degraded } = optimizeAnswer(priceCourse(inputs, model, policy), "");
  return { optimal_price, increase_pct: expected.increase_pct, ...recommendation, ...(degraded === undefined ? {} : { degraded }) };
}

/** A known course as lists show it. */
export function courseItem(context: PricingContext, course_id: string, found: FoundCourse, title: string | undefined, recommend: boolean): CourseItem {
  const { features, category, teacher_id } = found.view;
  const ratings = features[at.ratings]!;
  return {
    course_id,
    title: title === undefined || title === "" ? null : title,
    category: category === "" ? null : category,
    teacher_id: teacher_id === "" ? null : teacher_id,
    list_price: features[at.price]!,
    elasticity: courseElasticityAnswer(context.models.current?.model ?? null, category, course_id),
    enrollments_30d: features[at.enrollments_30d]!,
    exposures_30d: features[at.exposures_30d]!,
    revenue_30d_tokens: features[at.revenue_30d_tokens]!,
    conversion_30d: roundRate(features[at.conversion_30d]!),
    rating_mean: ratings === 0 ? null : roundRate(features[at.rating_mean]!),
    ratings,
    ...(recommend ? { recommendation: shortRecommendation(context, found) } : {}),
  };
}
