import type { ElasticityEstimate } from "../contracts/artifact.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { logit } from "../lib/linear-algebra.ts";
import { VIEWS_A_DAY_ON_OFFER } from "../features/offer-time.ts";
import { feature, featureAt, type PricingInputs } from "./inputs.ts";

/** What is believed of any elasticity before there is a model. */
export const unmodelledElasticity: ElasticityEstimate = { value: -1.5, se: 0.6, sales: 0, identified: false, source: "prior" };
/** Of a course that no model covers: the level's sd on the logit scale, over-dispersion, and conversion where even the category has none. */
const NO_MODEL = { level_sd: 0.8, dispersion: 1.5, conversion: 0.08 } as const;
/** Demand always falls with price: the slope in use corresponds to an elasticity of at most this. */
export const ELASTICITY_MAX = -0.05;
/** Courses of a category differ by this in log sales a day. */
const OFFER_LEVEL_SD = 1.2;
const MIN_SALES_A_DAY = 0.001;
const CONVERSION_MIN = 1e-8;
/** Above this the scale 1 − s̄ between elasticity and slope would say more about missing exposures than about demand. */
const MEAN_CONVERSION_MAX = 0.5;

/**
 * Gaussian prior of logit s(z) = level − slope·z, z = log(price / current price). The level is the conversion at the
 * current price, independent of the slope there; in x = log(price / reference) this is the prior of SCIENCE section 2
 * with a = level + slope·x_now, whose correlation of a and b the change of origin carries.
 */
export interface DemandPrior {
  readonly current_price: number;
  readonly reference_price: number;
  readonly x_now: number;
  readonly level: number;
  readonly level_sd: number;
  readonly slope: number;
  readonly slope_sd: number;
  readonly slope_min: number;
  readonly dispersion: number;
  readonly source: string;
  readonly modelled: boolean;
}

/** Conversion of the category over 90 days, or 8 % where it has none. */
function categoryConversion(inputs: PricingInputs): number {
  const seen = feature(inputs, featureAt.category_conversion_90d);
  return seen > 0 ? Math.min(MEAN_CONVERSION_MAX, Math.max(1e-3, seen)) : NO_MODEL.conversion;
}

/** Sales a day of the category's average course, over what a day on offer stands for; the model predicts per view, and there are none. */
function conversionOnOffer(inputs: PricingInputs): number {
  const courses = Math.max(1, feature(inputs, featureAt.category_courses));
  const sales_a_day = Math.max(MIN_SALES_A_DAY, feature(inputs, featureAt.category_enrollments_30d) / courses / 30);
  return Math.min(MEAN_CONVERSION_MAX, sales_a_day / VIEWS_A_DAY_ON_OFFER);
}

export function demandPrior(inputs: PricingInputs, model: CompiledModel | null): DemandPrior {
  const reference = feature(inputs, featureAt.reference_price_tokens);
  const current_price = inputs.current_price;
  const reference_price = reference > 0 ? reference : current_price;
  const on_offer = inputs.exposure === "days_on_offer";
  const mean = on_offer ? conversionOnOffer(inputs) : categoryConversion(inputs);
  // b = −ε/(1 − s̄) at the mean conversion, which for the delta method is a constant factor: sd(b) = se(ε)/(1 − s̄).
  const scale = 1 / (1 - mean);
  const elasticity = model === null ? unmodelledElasticity : model.elasticityPrior(inputs.category, inputs.course_id);
  const value = Math.min(ELASTICITY_MAX, elasticity.value);
  const predicted = model === null || on_offer ? mean : model.conversionRate(inputs.features, Math.log(current_price));
  const conversion = Number.isFinite(predicted) ? Math.min(1 - CONVERSION_MIN, Math.max(CONVERSION_MIN, predicted)) : mean;
  return {
    current_price,
    reference_price,
    x_now: Math.log(current_price / reference_price),
    level: logit(conversion),
    level_sd: on_offer ? OFFER_LEVEL_SD : model === null ? NO_MODEL.level_sd : model.levelSd,
    slope: -value * scale,
    slope_sd: elasticity.se * scale,
    slope_min: -ELASTICITY_MAX * scale,
    dispersion: model === null ? NO_MODEL.dispersion : Math.max(1, model.dispersion(inputs.category)),
    source: elasticity.source,
    modelled: model !== null,
  };
}
