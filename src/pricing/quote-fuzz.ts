import { type Exploration, type Policy, policySchema, type Rounding } from "../contracts/policy.ts";
import { courseFeatureNames } from "../features/course-view.ts";
import type { TeacherBand } from "../features/teacher-band.ts";
import { Prng } from "../lib/prng.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { featureAt, type PricingInputs } from "./inputs.ts";
import { termsFor } from "./price-terms.ts";
import type { PriceOutcome } from "./price-course.ts";
import { testModel } from "./testing.ts";

/** A random quote to be: anything that contracts allow, extremes among it. Seeded; for tests and benchmarks. */
export interface RandomQuote {
  readonly inputs: PricingInputs;
  readonly policy: Policy;
  readonly model: CompiledModel | null;
  readonly band: TeacherBand;
}

const NOW_MS = 1_760_000_000_000;
const QUOTES_A_POLICY = 50;
const PRICE_MAX = 1_000_000_000;
const CATEGORIES = ["art", "music", "constructor"] as const;

/** Usual prices most of the time, any at all now and then. */
function tokens(random: Prng): number {
  const kind = random.integer(20);
  if (kind === 0) return 1 + random.integer(PRICE_MAX);
  if (kind === 1) return [1, 2, 9, 10, PRICE_MAX][random.integer(5)]!;
  return 1 + random.integer(400);
}

function count(random: Prng): number {
  const kind = random.integer(10);
  return kind < 3 ? 0 : kind === 9 ? random.uniform() * 1e9 : random.uniform() * 300;
}

function randomRounding(random: Prng): Rounding {
  const kind = random.integer(3);
  if (kind === 0) return { kind: "whole" };
  if (kind === 1) return { kind: "multiple", of: 2 + random.integer(30) };
  return { kind: "charm", endings: Array.from({ length: 1 + random.integer(3) }, () => random.integer(random.integer(3) === 0 ? 1_000 : 10)) };
}

function randomExploration(random: Prng): Exploration {
  const kind = random.integer(3);
  const period_hours = 1 + random.integer(200);
  const seed = random.integer(1_000);
  if (kind === 0) return { kind: "none" };
  return kind === 1 ? { kind: "jitter", sigma: 0.001 + 0.3 * random.uniform(), period_hours, seed } : { kind: "thompson", period_hours, seed };
}

function maybeBounds(random: Prng): { floor_tokens?: number; ceiling_tokens?: number } {
  return { ...(random.integer(2) === 0 ? { floor_tokens: tokens(random) } : {}), ...(random.integer(2) === 0 ? { ceiling_tokens: tokens(random) } : {}) };
}

/** Contradictory ones, too: what is activated by mistake must still be guarded. */
export function randomPolicy(random: Prng): Policy {
  const document = policySchema.parse({
    objective: (["revenue", "enrollments", "margin"] as const)[random.integer(3)],
    revenue_floor_share: random.uniform(),
    cost_per_enrollment: { default: random.integer(3) === 0 ? tokens(random) : random.integer(50), courses: random.integer(4) === 0 ? { c1: tokens(random) } : {} },
    weights: { elasticity: random.integer(5) === 0 ? 0 : random.uniform(), competitive: random.integer(2) * random.uniform(), lifecycle: random.integer(2) * random.uniform(), time: random.integer(2) * random.uniform() },
    time: {
      learned: random.integer(2) === 0,
      promotions: random.integer(4) === 0 ? [{ name: "p", from: "2025-10-01T00:00:00Z", to: "2025-11-01T00:00:00Z", factor: 0.05 + 4.9 * random.uniform(), ...(random.integer(2) === 0 ? { categories: ["art"] } : {}) }] : [],
    },
    grid: { span: 1 + 9 * random.uniform(), points: 2 + random.integer(100) },
    floor_tokens: random.integer(3) === 0 ? tokens(random) : 1,
    ceiling_tokens: random.integer(3) === 0 ? tokens(random) : PRICE_MAX,
    bounds: { categories: { art: maybeBounds(random) }, courses: { c1: maybeBounds(random) } },
    respect_teacher_band: random.integer(4) !== 0,
    step_log_max: random.integer(8) === 0 ? 0 : random.integer(3) === 0 ? 2 * random.uniform() : 0.1,
    cool_down_hours: random.integer(2) === 0 ? 0 : 200 * random.uniform(),
    hold_probability: random.integer(6) === 0 ? random.integer(2) : random.uniform(),
    hold_loss: random.integer(6) === 0 ? random.integer(2) : 0.3 * random.uniform(),
    rounding: randomRounding(random),
    exploration: randomExploration(random),
    horizon_days: 1 + random.integer(365),
  });
  return { ...document, version: "fuzz-1" };
}

function randomCells(random: Prng, cells_max: number, spread: number): Float64Array {
  const cells = new Float64Array(3 * random.integer(cells_max + 1));
  for (let i = 0; i < cells.length; i += 3) {
    cells[i] = random.integer(20) === 0 ? 40 * (random.uniform() - 0.5) : spread * (random.uniform() - 0.5);
    cells[i + 1] = count(random);
    cells[i + 2] = random.integer(3) === 0 ? count(random) : cells[i + 1]! * 0.2 * random.uniform();
  }
  return cells;
}

function randomModel(random: Prng): CompiledModel | null {
  if (random.integer(4) === 0) return null;
  return testModel({
    conversion: random.uniform() ** 3,
    slope: 5 * random.uniform(),
    elasticity: -0.05 - 5 * random.uniform(),
    se: 0.01 + (random.integer(5) === 0 ? 5 : 0.6) * random.uniform(),
    level_sd: 0.01 + 2 * random.uniform(),
    dispersion: 1 + (random.integer(5) === 0 ? 20 : 1) * random.uniform(),
  });
}

function randomInputs(random: Prng, policy: Policy, model: CompiledModel | null): { inputs: PricingInputs; band: TeacherBand } {
  const features = new Float64Array(courseFeatureNames.length);
  const set = (name: keyof typeof featureAt, value: number): void => void (features[featureAt[name]] = value);
  const current_price = tokens(random);
  set("reference_price_tokens", random.integer(10) === 0 ? 0 : random.integer(3) === 0 ? tokens(random) : current_price);
  set("base_price_tokens", random.integer(4) === 0 ? 0 : tokens(random));
  set("competitor_price_tokens", random.integer(2) === 0 ? 0 : tokens(random));
  set("category_price_loo_tokens", random.integer(2) === 0 ? 0 : tokens(random));
  set("days_since_launch", random.integer(5) === 0 ? 0 : 400 * random.uniform());
  set("days_since_repriced", random.integer(3) === 0 ? 3_650 : 20 * random.uniform());
  for (const name of ["exposures_24h", "exposures_7d", "exposures_30d", "exposures_90d", "enrollments_24h", "enrollments_7d", "enrollments_30d", "enrollments_90d"] as const) set(name, Math.floor(count(random)));
  set("revenue_7d_tokens", features[featureAt.enrollments_7d]! * (random.integer(2) === 0 ? current_price : tokens(random)));
  set("category_conversion_90d", random.integer(4) === 0 ? 0 : random.uniform() ** 2);
  set("category_hour_lift", random.integer(20) === 0 ? Number.NaN : random.normal());
  set("category_weekday_lift", random.normal());
  set("category_courses", random.integer(100));
  set("category_exposures_30d", count(random));
  set("category_enrollments_30d", count(random));
  const course_id = random.integer(10) === 0 ? null : `c${random.integer(4)}`;
  const category = CATEGORIES[random.integer(CATEGORIES.length)]!;
  const band = { min_price_tokens: random.integer(2) === 0 ? 0 : tokens(random), max_price_tokens: random.integer(2) === 0 ? 0 : tokens(random) };
  const inputs: PricingInputs = {
    course_id,
    course_features: null,
    now_ms: NOW_MS + Math.floor(random.uniform() * 1e10),
    features,
    cells: randomCells(random, 32, 1.4),
    jitter_cells: random.integer(2) === 0 ? new Float64Array(0) : randomCells(random, 16, 0.5),
    exposure: random.integer(5) === 0 ? "days_on_offer" : "views",
    category,
    updated_at_ms: NOW_MS,
    current_price,
    current_enrollments: random.integer(10) === 0 ? count(random) : null,
    objective: policy.objective,
    terms: termsFor(policy, course_id, category, band),
    model_digest: model?.digest ?? null,
    policy_version: policy.version,
    record_sequence: 1,
    degraded: [],
  };
  return { inputs, band };
}

/** So many quotes of one seed, each policy for some of them. */
export function* randomQuotes(seed: number | string, quotes: number): Generator<RandomQuote> {
  const random = new Prng(`quotes:${seed}`);
  let policy = randomPolicy(random);
  for (let i = 0; i < quotes; i++) {
    if (i % QUOTES_A_POLICY === 0) policy = randomPolicy(random);
    const model = randomModel(random);
    yield { policy, model, ...randomInputs(random, policy, model) };
  }
}

function ends(rounding: Rounding, price: number): boolean {
  if (rounding.kind === "charm") return rounding.endings.some((ending) => `000${price}`.endsWith(String(ending)));
  return rounding.kind === "whole" || price % rounding.of === 0;
}

/** Bounds of a quote, worked out from the policy's text and the band alone; low > high: they contradict each other. */
function boundsOf({ inputs: { course_id, category }, policy, band }: RandomQuote): { low: number; high: number } {
  const own = [policy, category === "art" ? policy.bounds.categories["art"] : undefined, course_id === "c1" ? policy.bounds.courses["c1"] : undefined];
  const low = Math.max(...own.map((bounds) => bounds?.floor_tokens ?? 1));
  const high = Math.min(...own.map((bounds) => bounds?.ceiling_tokens ?? PRICE_MAX));
  if (!policy.respect_teacher_band || low > high) return { low, high };
  const most = band.max_price_tokens > 0 ? band.max_price_tokens : PRICE_MAX;
  // The prices of the policy's range that come nearest to the band, of which the maximum counts where it contradicts itself.
  const near = { low: Math.min(band.min_price_tokens, most), high: most };
  if (band.min_price_tokens > most) near.low = most;
  const distance = (price: number): number => Math.max(0, near.low - price, price - near.high);
  const least = Math.min(distance(low), distance(high), near.low <= high && near.high >= low ? 0 : Number.POSITIVE_INFINITY);
  return least > 0 ? (distance(low) === least ? { low, high: low } : { low: high, high }) : { low: Math.max(low, near.low), high: Math.min(high, near.high) };
}

/** The guardrails that a price breaks, by name; empty: none. Nothing here is shared with the code that prices. */
export function violations(quote: RandomQuote, outcome: Pick<PriceOutcome, "optimal_price" | "exploration" | "allowed">): string[] {
  const { inputs, policy } = quote;
  const { optimal_price: price, exploration, allowed } = outcome;
  const current = inputs.current_price;
  const { low, high } = boundsOf(quote);
  const found: string[] = [];
  if (!Number.isInteger(price) || price < 1) found.push("integer");
  if (low <= high && price < low) found.push("floor");
  if (low <= high && price > high) found.push("ceiling");
  const legal = low <= high && current >= low && current <= high;
  if (legal) {
    const step = Math.abs(Math.log(price / current));
    const one_token = Math.abs(price - current) === 1 && policy.step_log_max > 0;
    if (price !== current && !one_token && !(step <= policy.step_log_max)) found.push("step");
    if (price !== current && inputs.features[featureAt.days_since_repriced]! * 24 < policy.cool_down_hours) found.push("cool_down");
  }
  if (price !== current && !ends(policy.rounding, price)) {
    // Allowed only where no price that is open ends as asked; ranges are searched as far as endings repeat.
    const until = Math.min(allowed.max, allowed.min + 1_000);
    for (let open = allowed.min; open <= until; open++) {
      if (!ends(policy.rounding, open)) continue;
      found.push("rounding");
      break;
    }
  }
  if (exploration !== undefined && !(exploration.probability >= 0 && exploration.probability <= 1 && exploration.pre_price > 0 && Number.isFinite(exploration.pre_price))) found.push("probability");
  return found;
}
