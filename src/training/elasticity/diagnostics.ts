import type { Analysis, CategoryRow, Curve } from "../../contracts/training-analysis.ts";
import { defaultPolicy } from "../../contracts/policy.ts";
import { courseFeatureIndex } from "../../features/course-view.ts";
import { noBand } from "../../features/teacher-band.ts";
import type { CourseRow } from "../../features/replay.ts";
import { groupBy } from "../../lib/group-by.ts";
import { formatTime } from "../../lib/time.ts";
import { calibrationBins } from "../../models/calibration.ts";
import type { CompiledModel } from "../../models/compiled.ts";
import { courseElasticity } from "../../models/elasticity-lookup.ts";
import { readElasticity } from "../../models/elasticity-type.ts";
import { countByBin, histogramEdges } from "../../models/histogram.ts";
import { enrollmentInterval95 } from "../../pricing/forecast.ts";
import type { PricingInputs } from "../../pricing/inputs.ts";
import { demandPosterior } from "../../pricing/posterior.ts";
import { termsFor } from "../../pricing/price-terms.ts";
import { demandPrior } from "../../pricing/prior.ts";
import { conversionAt } from "../../pricing/quadrature.ts";
import type { HeldOut } from "../evaluation.ts";

const BINS = 40;
const CURVES_MAX = 12;
const CURVE_POINTS = 33;
/** Prices of a curve, relative to the course's own. */
const CURVE_RANGE = { low: 0.6, high: 1.6 };
const PRICE = courseFeatureIndex("price_tokens");

function spread(values: readonly number[]): { readonly mean: number; readonly sd: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / values.length) };
}

/** Pearson residuals of held-out rows. */
export function residuals(candidate: string, means: Float64Array, test: HeldOut, at_ms: readonly number[]): NonNullable<Analysis["residuals"]> {
  const own = Array.from(means, (mean, i) => (test.y[i]! - mean) / Math.sqrt(mean));
  const edges = histogramEdges(Float64Array.from(own), BINS);
  const order = own.map((_, i) => i).sort((a, b) => means[a]! - means[b]! || a - b);
  const tenths = groupBy(order.entries(), ([rank]) => Math.floor((10 * rank) / order.length));
  const { mean, sd } = spread(own);
  return {
    candidate,
    mean,
    sd,
    edges,
    counts: countByBin(own, edges).counts,
    by_prediction: [...tenths.values()].map((ranks) => {
      const rows = ranks.map(([, row]) => row);
      const { mean: centre, sd: width } = spread(rows.map((row) => own[row]!));
      return { predicted: rows.reduce((sum, row) => sum + means[row]!, 0) / rows.length, mean: centre, sd: width, rows: rows.length };
    }),
    by_period: [...groupBy(test.rows.entries(), ([, row]) => row.period)].map(([period, rows]) => {
      const { mean: centre, sd: width } = spread(rows.map(([i]) => own[i]!));
      return { at: formatTime(at_ms[period]!), mean: centre, sd: width, rows: rows.length };
    }),
  };
}

export function calibration(candidates: ReadonlyMap<string, Float64Array>, test: HeldOut, dispersion: number): Analysis["calibration"] {
  return [...candidates].map(([candidate, means]) => ({ candidate, bins: calibrationBins(test.y, test.exposure, means, dispersion) }));
}

/** The category table with what was estimated since. */
export function withElasticity(categories: readonly CategoryRow[], { artifact }: CompiledModel): CategoryRow[] {
  const estimates = new Map(Object.entries(artifact.elasticity.categories));
  return categories.map((row) => ({ ...row, elasticity: estimates.get(row.category) ?? null }));
}

function inputsOf(row: CourseRow, current_price: number): PricingInputs {
  return {
    course_id: row.course_id, course_features: null, now_ms: 0, features: row.view, cells: [], jitter_cells: [], exposure: "views", category: row.category, updated_at_ms: 0, current_price,
    current_enrollments: null, objective: "revenue", model_digest: null, policy_version: defaultPolicy.version, record_sequence: 0, degraded: [], terms: termsFor(defaultPolicy, row.course_id, row.category, noBand),
  };
}

/** One course's demand by the code that prices it, before its own posterior: the model's level and the causal slope, each with its uncertainty. */
function curve(rows: readonly CourseRow[], all: readonly CourseRow[], model: CompiledModel): Curve {
  const last = rows[rows.length - 1]!;
  const price_tokens = Math.max(1, Math.round(last.view[PRICE]! > 0 ? last.view[PRICE]! : Math.exp(last.mean_log_price)));
  const prior = demandPrior(inputsOf(last, price_tokens), model);
  const { nodes } = demandPosterior(prior, []);
  const exposures = rows.reduce((sum, row) => sum + Math.max(row.exposures, row.enrollments), 0) / rows.length;
  const asked = Array.from({ length: CURVE_POINTS }, (_, i) => Math.max(1, Math.round(price_tokens * (CURVE_RANGE.low + ((CURVE_RANGE.high - CURVE_RANGE.low) * i) / (CURVE_POINTS - 1)))));
  const points = [...new Set(asked)].map((price) => {
    const conversion = conversionAt(nodes, Math.log(price / price_tokens));
    const { low, high } = enrollmentInterval95(exposures, conversion, prior.dispersion);
    const enrollments = exposures * conversion.mean;
    return { price_tokens: price, enrollments, enrollments_ci95: [low, high] as [number, number], revenue_tokens: enrollments * price, revenue_ci95: [low * price, high * price] as [number, number] };
  });
  const { value, se, identified } = courseElasticity(model.artifact.elasticity, last.category, last.course_id);
  const seen = all.map((row) => Math.exp(row.mean_log_price));
  return {
    course_id: last.course_id,
    category: last.category,
    price_tokens,
    exposures_per_week: exposures,
    elasticity: { value, ci95: readElasticity(value, se).ci95, identified },
    points,
    best_price_tokens: points.reduce((a, b) => (b.revenue_tokens > a.revenue_tokens ? b : a)).price_tokens,
    supported: [Math.min(...seen), Math.max(...seen)],
  };
}

/** Of every category the course that was looked at most in the held-out weeks; of many categories the most looked at. */
export function curves(rows: readonly CourseRow[], test: HeldOut, model: CompiledModel): Curve[] {
  const looked = (own: readonly CourseRow[]): number => own.reduce((sum, row) => sum + row.exposures, 0);
  const best = [...groupBy(test.rows, (row) => row.category).values()].map((own) => [...groupBy(own, (row) => row.course_id).values()].reduce((a, b) => (looked(b) > looked(a) ? b : a)));
  const shown = best.toSorted((a, b) => looked(b) - looked(a)).slice(0, CURVES_MAX);
  const ids = new Set(shown.map((own) => own[0]!.course_id));
  const byCourse = groupBy(rows.filter((row) => ids.has(row.course_id)), (row) => row.course_id);
  return shown.map((own) => curve(own, byCourse.get(own[0]!.course_id)!, model));
}
