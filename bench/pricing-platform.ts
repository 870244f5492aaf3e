import type { Artifact } from "../src/contracts/artifact.ts";
import { defaultPolicy, type Policy } from "../src/contracts/policy.ts";
import { DatasetReplay } from "../src/features/replay.ts";
import { must } from "../src/lib/assert.ts";
import { Prng } from "../src/lib/prng.ts";
import { DAY_MS, parseTime } from "../src/lib/time.ts";
import { artifactDigest, type CompiledModel, compileArtifact, encodeArtifact } from "../src/models/compiled.ts";
import { elasticityFeatureNames } from "../src/models/elasticity-features.ts";
import { estimateElasticity } from "../src/models/jitter-elasticity.ts";
import { optimizeAnswer } from "../src/pricing/answer.ts";
import { priceCourse } from "../src/pricing/price-course.ts";
import type { PlatformConfig } from "../src/simulator/config.ts";
import { generateHistory } from "../src/simulator/history.ts";
import { courseId } from "../src/simulator/ids.ts";
import { listPriceAt, oraclePrice, trueConversion, trueElasticity } from "../src/simulator/truth.ts";
import { createWorld, type World } from "../src/simulator/world.ts";
import { FoldedEngine } from "./pricing-engine.ts";

const WEEKS = 12;
const WEEK_DAYS = 7;

/** A platform whose history an engine has folded, and the model that its randomised prices give. */
export interface LearntPlatform {
  readonly world: World;
  readonly engine: FoldedEngine;
  readonly model: CompiledModel;
  readonly exposures: number;
}

/** The shipped causal estimate; the level is the course's trailing conversion, since no champion is trained here. */
function modelOf(elasticity: Artifact["elasticity"], price_coefficient: number): CompiledModel {
  const columns = elasticityFeatureNames.length;
  const coefficients = elasticityFeatureNames.map((name) => (name === "log_price_vs_reference" ? price_coefficient : name === "log_conversion_90d" ? 1 : 0));
  const artifact: Artifact = {
    format: 1,
    family: "elasticity",
    version: "bench-1",
    feature_names: [...elasticityFeatureNames],
    champion: "log_linear",
    model: { kind: "log_linear", mean: new Array<number>(columns).fill(0), scale: new Array<number>(columns).fill(1), coefficients, intercept: 0 },
    candidates: [{ name: "log_linear", metrics: { rows: 1, poisson_deviance: 1, skill: 0, r2_log: 0, rmse_log: 0, mape_log: 0, wape: 0 }, elasticity: price_coefficient, importance: {}, backend: "none" }],
    elasticity,
    level_sd: 0.5,
    dispersion: { "": 1.2 },
    lineage: { run_id: "bench", seed: 1, stream: "EVENTS", stream_created: "s", first_sequence: 1, last_sequence: 1, data_from: "", data_to: "", rows: 1, code_version: "bench" },
  };
  const bytes = encodeArtifact(artifact);
  return compileArtifact(bytes, artifactDigest(bytes));
}

export function learnPlatform(config: PlatformConfig): LearntPlatform {
  const world = createWorld(config);
  const engine = new FoldedEngine();
  const replay = new DatasetReplay({ at_ms: [], gap_ms: 0, horizon_ms: WEEK_DAYS * DAY_MS });
  let sequence = 0;
  let exposures = 0;
  for (const event of generateHistory(world)) {
    const event_time_ms = parseTime(event.time);
    const known_at_ms = event.known_at === undefined ? event_time_ms : parseTime(event.known_at);
    replay.apply({ sequence: ++sequence, broker_time_ms: config.end_ms, event_time_ms, known_at_ms, event });
    engine.apply(event, event_time_ms);
    if (event.type === "exposure.viewed") exposures++;
  }
  engine.commit();
  const report = estimateElasticity(replay.trials(config.end_ms));
  return { world, engine, model: modelOf(report, report.global.value), exposures };
}

const launched = ({ courses, config }: World): number[] => Array.from({ length: courses.count }, (_, c) => c).filter((c) => courses.launched_ms[c]! <= config.end_ms - 28 * DAY_MS);

export interface Coverage {
  readonly courses: number;
  readonly sales_a_course: number;
  /** Share of the 95 % intervals of price calls that hold the true elasticity at the price now. */
  readonly coverage: number;
  /** Mean of estimate less truth. */
  readonly bias: number;
  readonly mae: number;
}

/** How the elasticity that price calls answer compares with the truth. */
export function coverageOf({ world, engine, model }: LearntPlatform): Coverage {
  const { end_ms, enrollments } = world.config;
  let held = 0;
  let bias = 0;
  let error = 0;
  const list = launched(world);
  for (const c of list) {
    const inputs = engine.inputs(courseId(c), end_ms, defaultPolicy, model);
    const { elasticity } = optimizeAnswer(priceCourse(inputs, model, defaultPolicy), "");
    const truth = trueElasticity(world, c, inputs.current_price, end_ms);
    if (elasticity.ci95[0] <= truth && truth <= elasticity.ci95[1]) held++;
    bias += elasticity.value - truth;
    error += Math.abs(elasticity.value - truth);
  }
  return { courses: list.length, sales_a_course: enrollments / world.courses.count, coverage: held / list.length, bias: bias / list.length, mae: error / list.length };
}

export interface PlatformShares {
  readonly share: number;
  readonly static_share: number;
  readonly last_quarter: number;
  readonly prices: readonly number[];
}

/**
 * Twelve weeks after the history, demand standing still: every course is priced once a week under the default policy and sells at that price, at the true
 * conversion and the history's traffic. Shares of the expected revenue of the best prices within ×/÷ 2 of the launch price, courses weighing by their traffic.
 */
export function pricePlatform({ world, engine, model, exposures }: LearntPlatform): PlatformShares {
  const { config, courses } = world;
  const { end_ms } = config;
  const random = new Prng(`default platform:${config.seed}`);
  const bounds = Object.fromEntries(
    Array.from({ length: courses.count }, (_, c) => [courseId(c), { floor_tokens: Math.max(1, Math.ceil(courses.base_price_tokens[c]! / 2)), ceiling_tokens: Math.max(1, Math.floor(courses.base_price_tokens[c]! * 2)) }]),
  );
  const policy: Policy = { ...defaultPolicy, bounds: { categories: {}, courses: bounds } };
  const list = launched(world);
  const traffic = list.map((c) => courses.popularity[c]!);
  const visits_a_week = exposures / config.weeks / traffic.reduce((sum, weight) => sum + weight, 0);
  const best = list.map((c) => oraclePrice(world, c, end_ms).revenue_per_exposure);
  const current = list.map((c) => listPriceAt(world, c, end_ms));
  const conversion = list.map((c, i) => trueConversion(world, c, current[i]!, end_ms));
  const total = (revenue: readonly number[]): number => revenue.reduce((sum, one, i) => sum + traffic[i]! * one, 0);
  const ideal = total(best);
  const static_share = total(current.map((price, i) => price * conversion[i]!)) / ideal;
  const shares: number[] = [];
  for (let week = 0; week < WEEKS; week++) {
    const from_ms = end_ms + week * WEEK_DAYS * DAY_MS;
    for (const [i, c] of list.entries()) {
      const course_id = courseId(c);
      const { optimal_price } = engine.price(course_id, from_ms, policy, model);
      if (optimal_price === current[i]) continue;
      current[i] = optimal_price;
      conversion[i] = trueConversion(world, c, optimal_price, end_ms);
      engine.fold(from_ms, { type: "course.repriced", course_id, price: optimal_price });
    }
    shares.push(total(current.map((price, i) => price * conversion[i]!)) / ideal);
    for (const [i, c] of list.entries()) {
      const course_id = courseId(c);
      const visits = random.poisson(visits_a_week * traffic[i]!);
      for (let visit = 0; visit < visits; visit++) {
        const time_ms = from_ms + Math.floor(((visit + 0.5) / visits) * WEEK_DAYS * DAY_MS);
        const price = must(current[i], "a price");
        engine.fold(time_ms, { type: "exposure.viewed", course_id, learner_id: "L1", price });
        if (random.uniform() < conversion[i]!) engine.fold(time_ms, { type: "enrollment.created", enrollment_id: `n${week}_${c}_${visit}`, course_id, learner_id: "L1", price });
      }
    }
    engine.commit();
  }
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { share: mean(shares), static_share, last_quarter: mean(shares.slice(-3)), prices: current };
}
