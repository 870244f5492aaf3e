import type { WaterfallStep } from "../../contracts/api.ts";
import type { BundleInputs } from "../../contracts/bundle.ts";
import { must } from "../../lib/assert.ts";
import { decodeDoubles } from "../../lib/doubles.ts";
import { twoDecimals } from "../money.ts";
import { roundWithin } from "../rounding.ts";
import { Waterfall } from "../waterfall.ts";
import { bundleDraws } from "./bundle-draws.ts";
import { BundleDemand, type BundleOutcome, bestBundlePrice } from "./bundle-optimum.ts";
import { correlationFactor } from "./taste-correlation.ts";

export interface PricedBundle {
  readonly demand: BundleDemand;
  readonly optimum: BundleOutcome;
  readonly outcome: BundleOutcome;
  readonly range: { readonly min: number; readonly max: number };
  readonly mean_correlation: number;
  readonly waterfall: readonly WaterfallStep[];
}

const vector = (text: string): Float64Array => must(decodeDoubles(text), "the schema has checked it");

function meanCorrelation(matrix: Float64Array, n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) sum += matrix[i * n + j]!;
  return (2 * sum) / (n * (n - 1));
}

interface Limit {
  readonly name: string;
  readonly price: number;
  readonly reason: string;
}

/** What a bundle may not be below, the strictest last. */
function limitsOf({ parts, max_discount }: BundleInputs, sum_of_parts: number): readonly Limit[] {
  const floors = parts.reduce((sum, { floor_tokens, price }) => sum + Math.min(floor_tokens, price), 0);
  const discounted = Math.ceil(sum_of_parts * (1 - max_discount));
  return [
    { name: "floor", price: floors, reason: `Its courses' floors come to ${floors} tokens.` },
    { name: "largest_discount", price: discounted, reason: `The policy's largest discount is ${twoDecimals(max_discount * 100)} %: what demand would be far below the prices that learners have seen is a guess.` },
  ].toSorted((a, b) => a.price - b.price);
}

/**
 * The price of a bundle, beside which its courses stay on sale at their prices: from the dearest part, below which that part's own buyers would take the bundle, to the sum of the
 * parts, above which nobody does. The best whole price of the objective, drawn towards the sum by the policy's weight; never below what the parts' floors come to, nor
 * more than the policy's largest discount. A pure
 * function of its inputs, worked out in steps.
 */
export function* priceBundle(inputs: BundleInputs): Generator<void, PricedBundle> {
  const { parts, correlations, objective, revenue_floor_share, weight, rounding } = inputs;
  const n = parts.length;
  const matrix = vector(correlations);
  const factor = correlationFactor(matrix, n);
  const costs = objective === "margin" ? 1 : 0;
  const courses = parts.map(({ price, cost_tokens, slopes, odds }) => ({ price, cost: costs * cost_tokens, nodes: { slopes: vector(slopes), odds: vector(odds) } }));
  const demand = new BundleDemand(courses, yield* bundleDraws(courses, factor));
  const { sum_of_parts, dearest } = demand;
  const limits = limitsOf(inputs, sum_of_parts);
  const range = { min: Math.max(dearest, ...limits.map((limit) => limit.price)), max: sum_of_parts };
  const optimum = bestBundlePrice(demand, dearest, sum_of_parts, { objective, revenue_floor_share });
  const waterfall = new Waterfall();
  waterfall.add("base", "sum_of_parts", sum_of_parts, `The ${n} courses one by one.`);
  const why = optimum.price === sum_of_parts ? "No lower price of the bundle brings more than its courses alone" : optimum.price === dearest ? "The lowest that a bundle may cost, its dearest course, brings most" : "Expected tokens per learner who sees it peak here";
  const mean_correlation = meanCorrelation(matrix, n);
  waterfall.add("model", "bundle_demand", optimum.price, `${why}; willingness to pay for two of its courses correlates by ${twoDecimals(mean_correlation)}.`);
  let price = sum_of_parts * (optimum.price / sum_of_parts) ** weight;
  waterfall.add("strategy", "bundle", price, `The bundle's own optimum against the sum of its parts, in log price. Weight ${twoDecimals(weight)}.`);
  for (const limit of limits) {
    if (price >= limit.price) continue;
    waterfall.guardrail(limit.name, limit.price, demand.at(Math.round(price)).value - demand.at(limit.price).value, limit.reason);
    price = limit.price;
  }
  const rounded = roundWithin(rounding, price, range.min, range.max) ?? Math.min(range.max, Math.max(range.min, Math.round(price)));
  waterfall.add("rounding", "whole_tokens", rounded, rounded === price ? "Already a whole number of tokens." : "To a price that the policy's rounding allows, between the dearest course and the sum.");
  return { demand, optimum, outcome: demand.at(rounded), range, mean_correlation, waterfall: waterfall.steps };
}
