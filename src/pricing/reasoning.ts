import type { Evidence } from "./evidence.ts";
import type { PriceOutcome } from "./price-course.ts";

const SAME_PRICE = 0.02;

function times(ratio: number): string {
  return `${Number(ratio.toPrecision(2))}×`;
}

/** What learners did that the prior did not expect. */
function surprise({ ratio, enrollments, expected, surprise }: Evidence): string {
  const where = Math.abs(Math.log(ratio)) < SAME_PRICE ? "at the list price" : `at ${times(ratio)} the list price`;
  const count = `${Math.round(enrollments)} enrollments where about ${Math.round(expected)} were expected`;
  if (surprise < 0) return `Fewer learners than expected enrolled ${where} (${count})`;
  return ratio > 1 + SAME_PRICE ? `Learners kept enrolling ${where} (${count})` : `More learners than expected enrolled ${where} (${count})`;
}

function because(outcome: PriceOutcome): string {
  if (outcome.evidence !== undefined) return surprise(outcome.evidence);
  const { elasticity, posterior } = outcome;
  const source = posterior.own_data ? "this course's own sales" : posterior.prior.source === "prior" ? "a prior, as no estimate exists yet," : `the ${posterior.prior.source === "category" ? "category" : "platform"}'s sales`;
  const demand = elasticity.mean < -1 ? "Demand reacts to price" : "Demand reacts little to price";
  return `${demand} (elasticity ${elasticity.mean.toFixed(2)} from ${source.replace(/,$/, "")})`;
}

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
  if (outcome.binding.includes("hold")) return `${because(outcome)}, but the move is too likely to lose revenue, so the price is held at ${current} tokens.`;
  if (price === current) return `${because(outcome)}, and no whole price within one step promises more, so the price stays at ${current} tokens.`;
  return `${because(outcome)}, so the price ${price > current ? "rises" : "falls"} from ${current} to ${price} tokens${limited(outcome)}.`;
}
