import { hash } from "node:crypto";
import type { Interval } from "../../contracts/api.ts";
import { type BundleAnswer, type BundleInputs, bundleRecordSchema } from "../../contracts/bundle.ts";
import { BUNDLE_QUOTE_PREFIX } from "../../contracts/subjects.ts";
import { complete } from "../../lib/steps.ts";
import { formatTime } from "../../lib/time.ts";
import { roundRate, roundTokens, twoDecimals } from "../money.ts";
import { conversionAt } from "../quadrature.ts";
import { type PricedBundle, priceBundle } from "./bundle-price.ts";

const ID_DIGITS = 32;
const sha256 = (text: string): string => hash("sha256", text, "hex");

/** What a bundle costs, for everybody who may have it: the answer but for what one learner leaves out. */
export interface BundleDecision {
  readonly id: string;
  readonly inputs_json: string;
  readonly answer: Omit<BundleAnswer, "left_out">;
  readonly answer_json: string;
}

/** 95 % of what the demand curves say, linear between their order statistics. */
function interval95(values: Float64Array): Interval {
  const sorted = values.toSorted();
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    return sorted[below]! + (place - below) * (sorted[Math.min(sorted.length - 1, below + 1)]! - sorted[below]!);
  };
  return { low: roundTokens(at(0.025)), high: roundTokens(at(0.975)) };
}

function reasoningOf({ outcome, demand, mean_correlation }: PricedBundle, increase_pct: number): string {
  const { price } = outcome;
  const { sum_of_parts } = demand;
  if (price === sum_of_parts) return `The courses sell as well one by one: ${price} tokens, the sum of their prices, gives nothing away.`;
  const off = twoDecimals((1 - price / sum_of_parts) * 100);
  const alike = mean_correlation > 0.6 ? "although" : "since";
  return `${price} tokens instead of ${sum_of_parts} (${off} % less) bring ${twoDecimals(increase_pct)} % more per learner who sees it, ${alike} who wants one of the courses ${mean_correlation > 0.6 ? "mostly wants the others anyhow" : "does not always want the others at their full price"}.`;
}

/** Prices a bundle and fixes the decision. `id` is `b_` and the first 128 bits, hex, of SHA-256 over the inputs' JSON: identical inputs share one. In steps. */
export function* decideBundle(inputs: BundleInputs): Generator<void, BundleDecision> {
  const inputs_json = JSON.stringify(inputs);
  const id = `${BUNDLE_QUOTE_PREFIX}${sha256(inputs_json).slice(0, ID_DIGITS)}`;
  const priced = yield* priceBundle(inputs);
  const { outcome, demand, range } = priced;
  const { value, gain } = demand.byCurve(outcome.price);
  const { alone } = demand;
  const increase = outcome.value - alone.value;
  const increase_pct = alone.value > 0 ? (increase / alone.value) * 100 : 0;
  const answer: BundleDecision["answer"] = {
    quote_id: id,
    course_ids: inputs.parts.map(({ course_id }) => course_id),
    parts: inputs.parts.map(({ course_id, price }, j) => ({ course_id, price, conversion: roundRate(conversionAt(demand.parts[j]!.nodes, 0).mean) })),
    price: outcome.price,
    sum_of_parts: demand.sum_of_parts,
    discount_pct: roundTokens((1 - outcome.price / demand.sum_of_parts) * 100),
    price_range: range,
    expected: {
      conversion: roundRate(outcome.conversion),
      courses: roundRate(outcome.courses),
      revenue: { value: roundTokens(outcome.value), interval: interval95(value) },
      revenue_without_bundle: roundTokens(alone.value),
      increase: { value: roundTokens(increase), interval: interval95(gain) },
      increase_pct: roundTokens(increase_pct),
    },
    correlation: { mean: roundRate(priced.mean_correlation), co_enrollments: inputs.co_enrollments, learners: inputs.learners },
    waterfall: [...priced.waterfall],
    reasoning: reasoningOf(priced, increase_pct),
    model: inputs.model,
    policy: inputs.policy_version,
    ...(inputs.degraded.length > 0 ? { degraded: [...inputs.degraded] } : {}),
  };
  return { id, inputs_json, answer, answer_json: JSON.stringify(answer) };
}

/** The JSON of a BundleRecord. */
export function bundleRecordJson({ id, inputs_json, answer, answer_json }: BundleDecision, decided_at_ms: number): string {
  const head = JSON.stringify({ id, kind: "bundle", decided_at: formatTime(decided_at_ms), price: answer.price, answer_digest: sha256(answer_json) });
  // The inputs' text goes in as it is: it is what the id is the hash of.
  return `${head.slice(0, -1)},"inputs":${inputs_json}}`;
}

/** Prices a recorded bundle again. Throws ZodError when it is no record. */
export function replayBundle(record: unknown): { identical: boolean; answer: BundleDecision["answer"] } {
  const { id, inputs, price, answer_digest } = bundleRecordSchema.parse(record);
  const again = complete(decideBundle(inputs));
  return { identical: again.id === id && again.answer.price === price && sha256(again.answer_json) === answer_digest, answer: again.answer };
}
