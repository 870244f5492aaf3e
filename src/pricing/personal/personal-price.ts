import type { PersonalInputs } from "../../contracts/quote.ts";
import { must } from "../../lib/assert.ts";
import { decodeDoubles } from "../../lib/doubles.ts";
import type { DemandNodes } from "../quadrature.ts";
import { roundWithin } from "../rounding.ts";
import { type LearnerShift, personalConversion } from "./personal-demand.ts";

/** Prices that are looked at: all whole ones where there are not more, else evenly spread ones. */
const CANDIDATES_MAX = 64;
/** A learner must heed prices that many standard errors less than estimated, and the discount must still pay. */
const CAUTION_SE = 1;
/** What a personal price must gain over the anchor, as a share of what the anchor is expected to bring: less is noise. */
const GAIN_MIN = 0.005;

export interface PersonalPrice {
  readonly price: number;
  /** What personal data alone would have made it: before fairness and budgets. */
  readonly wished_price: number;
  /** Where fairness and rounding let it go. */
  readonly fair_price: number;
  readonly conversion: number;
  /** Expected tokens of discount against the list price, in thousandths, rounded up: what budgets are charged. */
  readonly discount_milli: number;
}

/** The price nearest to a wished one that fairness leaves, −log(price / anchor) ≤ `fairness_log`, and that ends as the policy wants prices to. */
function fairPrice(inputs: PersonalInputs, wished_price: number): number {
  const { anchor_price, lowest_price, rounding } = inputs;
  if (wished_price === anchor_price) return anchor_price;
  const low = Math.max(lowest_price, fairestLow(inputs));
  const price = Math.max(wished_price, low);
  return roundWithin(rounding, price, low, anchor_price) ?? price;
}

function fairestLow({ anchor_price, fairness_log }: PersonalInputs): number {
  if (fairness_log === null) return 1;
  const low = Math.ceil(anchor_price * Math.exp(-fairness_log));
  // exp rounds: the bound holds exactly as a reader would check it.
  return Math.min(anchor_price, low < anchor_price && Math.log(anchor_price / low) > fairness_log ? low + 1 : low);
}

/** Expected objective per view at a price; −∞ where the objective forbids it. */
function objectiveOf(inputs: PersonalInputs, price: number, conversion: number, anchor_revenue: number): number {
  if (inputs.objective === "margin") return (price - inputs.cost_tokens) * conversion;
  if (inputs.objective === "enrollments") return price * conversion >= inputs.revenue_floor_share * anchor_revenue ? conversion : Number.NEGATIVE_INFINITY;
  return price * conversion;
}

/** The best price from the lowest to the anchor, for a learner who heeds prices as cautiously as is believed. */
function wishedPrice(inputs: PersonalInputs, nodes: DemandNodes): number {
  const { list_price, anchor_price, lowest_price } = inputs;
  const shift: LearnerShift = { level: inputs.level_shift, slope: inputs.slope_shift - CAUTION_SE * inputs.slope_shift_se };
  const at = (price: number): number => personalConversion(nodes, shift, Math.log(price / list_price));
  const anchor_conversion = at(anchor_price);
  const anchor_revenue = anchor_price * anchor_conversion;
  const anchor = objectiveOf(inputs, anchor_price, anchor_conversion, anchor_revenue);
  let best = anchor_price;
  let most = anchor + GAIN_MIN * Math.abs(anchor);
  const steps = Math.min(CANDIDATES_MAX, anchor_price - lowest_price);
  for (let k = 1; k <= steps; k++) {
    const price = anchor_price - Math.round((k * (anchor_price - lowest_price)) / steps);
    const value = objectiveOf(inputs, price, at(price), anchor_revenue);
    if (value <= most) continue;
    most = value;
    best = price;
  }
  return best;
}

const vector = (text: string): Float64Array => must(decodeDoubles(text), "the schema has checked it");

/** The course's demand as the inputs record it. */
function recordedDemand({ slopes, odds }: PersonalInputs): DemandNodes {
  return { slopes: vector(slopes), odds: vector(odds) };
}

/**
 * The price of a course for one learner: the best under the course's demand posterior, moved by what is known of the learner, from the lowest that is allowed
 * up to the anchor. Personal data only ever lower a price: the anchor is what the learner would pay without. A pure function of the inputs.
 * `nodes`: the demand that the inputs record, where it is at hand as numbers.
 */
export function personalPrice(inputs: PersonalInputs, nodes = recordedDemand(inputs)): PersonalPrice {
  const personal = inputs.mode === "personal";
  const wished_price = personal ? wishedPrice(inputs, nodes) : inputs.anchor_price;
  const fair_price = fairPrice(inputs, wished_price);
  const refused = inputs.budget !== "granted" && inputs.budget !== "not_needed";
  const price = refused ? inputs.list_price : fair_price;
  const shift: LearnerShift = personal ? { level: inputs.level_shift, slope: inputs.slope_shift } : { level: 0, slope: 0 };
  const conversion = personalConversion(nodes, shift, Math.log(price / inputs.list_price));
  return { price, wished_price, fair_price, conversion, discount_milli: Math.ceil((inputs.list_price - price) * conversion * 1_000) };
}
