import type { ElasticityAnswer, OptimizeAnswer } from "../contracts/api.ts";
import { readElasticity } from "../models/elasticity-type.ts";
import { enrollmentInterval95 } from "./forecast.ts";
import { roundRate, roundTokens } from "./money.ts";
import { tokensPerView } from "./objective.ts";
import type { PriceOutcome } from "./price-course.ts";
import { reasoningOf } from "./reasoning.ts";

/** Demand never rises with price, so the interval ends at 0. Source: "course" when the course's own data outweigh the prior. */
function elasticityAnswer({ elasticity, posterior }: PriceOutcome): ElasticityAnswer {
  const { ci95, type } = readElasticity(elasticity.mean, elasticity.sd, 0);
  return { value: roundRate(elasticity.mean), type, ci95: [roundRate(ci95[0]), roundRate(ci95[1])], source: posterior.own_data ? "course" : posterior.prior.source };
}

/** By the probability of losing more than hold_loss, against the one at which the policy holds; one level up when degraded. */
function riskOf({ loss_probability, policy, degraded }: PriceOutcome): "low" | "medium" | "high" {
  const level = (loss_probability > policy.hold_probability ? 2 : loss_probability > policy.hold_probability / 4 ? 1 : 0) + (degraded.length > 0 ? 1 : 0);
  return level === 0 ? "low" : level === 1 ? "medium" : "high";
}

/** The body of POST /optimize_price, all but the age of the features. Money has two decimals, rates have four. */
export function optimizeAnswer(outcome: PriceOutcome, quote_id: string): Omit<OptimizeAnswer, "freshness_ms"> {
  const { inputs, policy, goal, conversion_now, conversion_optimal, allowed } = outcome;
  const { exposures, source } = outcome.volume;
  const current = inputs.current_price;
  const optimal = outcome.optimal_price;
  const { dispersion } = outcome.posterior.prior;
  const enrollments_now = enrollmentInterval95(exposures, conversion_now, dispersion);
  const enrollments = enrollmentInterval95(exposures, conversion_optimal, dispersion);
  return {
    quote_id,
    course_id: inputs.course_id,
    current_price: current,
    optimal_price: optimal,
    price_range: { min: allowed.min, max: allowed.max, recommended: optimal },
    discount_pct: roundTokens((1 - optimal / current) * 100),
    expected: {
      horizon_days: policy.horizon_days,
      current_revenue: roundTokens(current * conversion_now.mean * exposures),
      optimized_revenue: roundTokens(optimal * conversion_optimal.mean * exposures),
      // Per view: it holds for a course without any yet, too.
      increase_pct: roundTokens(((optimal * conversion_optimal.mean) / (current * conversion_now.mean) - 1) * 100),
      current_enrollments: roundTokens(conversion_now.mean * exposures),
      optimized_enrollments: roundTokens(conversion_optimal.mean * exposures),
      volume: source,
      interval: { low: enrollments.low * optimal, high: enrollments.high * optimal },
      current_interval: { low: enrollments_now.low * current, high: enrollments_now.high * current },
      enrollments_interval: enrollments,
      ...(goal.objective === "margin"
        ? {
            current_margin: roundTokens(tokensPerView(goal, current, conversion_now.mean) * exposures),
            optimized_margin: roundTokens(tokensPerView(goal, optimal, conversion_optimal.mean) * exposures),
          }
        : {}),
    },
    elasticity: elasticityAnswer(outcome),
    recommendation: { action: optimal > current ? "increase" : optimal < current ? "decrease" : "hold", confidence: Math.min(1, Math.max(0, roundRate(outcome.confidence))), risk: riskOf(outcome) },
    strategies: outcome.proposals.map(({ name, price, weight, reason }) => ({ name, price: roundTokens(price), weight: roundRate(weight), reason })),
    waterfall: [...outcome.waterfall],
    reasoning: reasoningOf(outcome),
    ...(outcome.exploration === undefined ? {} : { exploration: outcome.exploration }),
    model: outcome.model_version ?? "none",
    policy: policy.version,
    ...(outcome.degraded.length > 0 ? { degraded: [...outcome.degraded] } : {}),
  };
}
