import type { DemandBreak } from "./demand-break.ts";
import type { Evidence } from "./evidence.ts";
import { twoDecimals } from "./money.ts";
import type { PriceOutcome } from "./price-course.ts";

const SAME_PRICE = 0.02;

function times(ratio: number): string {
  return `${Number(ratio.toPrecision(2))} times`;
}

/** What learners did that the prior did not expect. */
function surprise({ ratio, enrollments, expected, surprise }: Evidence): string {
  const where = Math.abs(Math.log(ratio)) < SAME_PRICE ? "at the list price" : `at ${times(ratio)} the list price`;
  const count = `${Math.round(enrollments)} enrollments where about ${Math.round(expected)} were expected`;
  if (surprise < 0) return `Fewer learners than expected enrolled ${where} (${count})`;
  return ratio > 1 + SAME_PRICE ? `Learners kept enrolling ${where} (${count})` : `More learners than expected enrolled ${where} (${count})`;
}

/** Whether the surprise argues for the move: more demand than expected at or above the price, or less below, for a rise. */
function explains({ ratio, surprise }: Evidence, move: number): boolean {
  return move !== 0 && Math.sign(surprise) * (ratio >= 1 - SAME_PRICE ? 1 : -1) === Math.sign(move);
}

function broke({ days, enrollments, expected }: DemandBreak): string {
  return `Demand has changed (${Math.round(enrollments)} enrollments in ${days === 1 ? "a day" : "7 days"} where about ${Math.round(expected)} were expected)`;
}

function because(outcome: PriceOutcome): string {
  const { elasticity, posterior, evidence, demand_break } = outcome;
  if (demand_break !== undefined) return broke(demand_break);
  if (evidence !== undefined && explains(evidence, outcome.candidate_price - outcome.inputs.current_price)) return surprise(evidence);
  const demand = elasticity.mean < -1 ? "Demand reacts to price" : "Demand reacts little to price";
  return `${demand} (elasticity ${twoDecimals(elasticity.mean)} from ${posterior.own_data ? "this course's own sales" : (sources[posterior.prior.source] ?? "a prior")})`;
}

const sources: Readonly<Record<string, string>> = { category: "its category's sales", global: "the platform's sales", prior: "a prior, without an estimate" };

const limits: Readonly<Record<string, string>> = {
  supported_range: "kept near prices that learners have seen",
  step: "limited to one step",
  floor: "raised to the floor",
  ceiling: "cut to the ceiling",
};

function limited(outcome: PriceOutcome): string {
  const last = outcome.binding.findLast((name) => name in limits);
  return last === undefined ? "" : `, ${limits[last]}`;
}

/** One plain sentence: why this price. New evidence comes first where it outweighs what the model expected. */
export function reasoningOf(outcome: PriceOutcome): string {
  const current = outcome.inputs.current_price;
  const price = outcome.optimal_price;
  const to = price === current ? `stays at ${current} tokens` : `${price > current ? "rises" : "falls"} from ${current} to ${price} tokens${limited(outcome)}`;
  if (outcome.promotion !== undefined) return `Promotion ${outcome.promotion} runs, so the price ${to}.`;
  if (outcome.exploration !== undefined) return `${because(outcome)}; the price is drawn at random around ${twoDecimals(outcome.exploration.pre_price)} tokens to learn from and ${to}.`;
  if (outcome.binding.includes("cool_down")) return `${because(outcome)}, but the list price was set a short while ago, so it stays at ${current} tokens.`;
  if (outcome.binding.includes("hold")) {
    const why = outcome.hold === "risk" ? "the move is too likely to lose revenue" : "one step that way would earn less";
    return `${because(outcome)}, but ${why}, so the price is held at ${current} tokens.`;
  }
  if (price === current) return `${because(outcome)}, and no whole price within one step promises more, so the price stays at ${current} tokens.`;
  return `${because(outcome)}, so the price ${to}.`;
}
