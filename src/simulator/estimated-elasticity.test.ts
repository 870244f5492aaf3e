import { expect, test } from "vitest";
import { DatasetReplay } from "../features/replay.ts";
import { FeatureReader } from "../features/feature-reader.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import { must } from "../lib/assert.ts";
import { DAY_MS, parseTime } from "../lib/time.ts";
import { artifactDigest, compileArtifact, encodeArtifact } from "../models/compiled.ts";
import { categoryElasticity, courseElasticity } from "../models/elasticity-lookup.ts";
import { estimateElasticity, type ElasticityReport } from "../models/jitter-elasticity.ts";
import { optimizeAnswer } from "../pricing/answer.ts";
import { priceCourse } from "../pricing/price-course.ts";
import { termsFor } from "../pricing/price-terms.ts";
import { defaultPolicy } from "../contracts/policy.ts";
import { testArtifact } from "../serving/testing.ts";
import { courseId } from "./ids.ts";
import { generateHistory } from "./history.ts";
import { meanElasticity } from "./mean-elasticity.ts";
import { smallPlatform } from "./test-platform.ts";
import { listPriceAt, trueElasticity } from "./truth.ts";
import { createWorld, type World } from "./world.ts";

/** A platform's history through the shipped folds: its randomised prices' estimate, and a reader of its features. */
function learn(world: World): { report: ElasticityReport; reader: FeatureReader } {
  const { end_ms } = world.config;
  const replay = new DatasetReplay({ at_ms: [], gap_ms: 0, horizon_ms: DAY_MS });
  const store = new MemoryStore();
  const writer = new FeatureWriter(store);
  let sequence = 0;
  for (const event of generateHistory(world)) {
    const event_time_ms = parseTime(event.time);
    const stream = { sequence: ++sequence, broker_time_ms: end_ms, event_time_ms, known_at_ms: event.known_at === undefined ? event_time_ms : parseTime(event.known_at), event };
    replay.apply(stream);
    writer.apply(stream);
  }
  writer.commit({ stream_created: "s", sequence, message_hash: "" });
  return { report: estimateElasticity(replay.trials(end_ms)), reader: new FeatureReader(store) };
}

const platform = (seed: number): World => createWorld(smallPlatform({ learners: 1_500, courses: 240, enrollments: 9_000, weeks: 40, seed }));

test("on synthetic platforms the estimates are near the truth, and 95 % intervals hold it, in artifacts and in answers of price calls", { timeout: 120_000 }, () => {
  const held = { course: 0, category: 0, answer: 0 };
  const n = { course: 0, category: 0, answer: 0 };
  let category_error = 0;
  for (let seed = 1; seed <= 2; seed++) {
    const world = platform(seed);
    const { end_ms } = world.config;
    const { report, reader } = learn(world);
    const artifact = { ...testArtifact("v1", -1), elasticity: report };
    const bytes = encodeArtifact(artifact);
    const model = compileArtifact(bytes, artifactDigest(bytes));
    const byCategory = new Map<string, number[]>();
    for (let c = 0; c < world.courses.count; c++) {
      const truth = meanElasticity(world, c);
      if (Number.isNaN(truth)) continue;
      const course_id = courseId(c);
      const category = must(world.categories.names[world.courses.category[c]!], "a category");
      byCategory.set(category, [...(byCategory.get(category) ?? []), truth]);
      const { value, se } = courseElasticity(report, category, course_id);
      n.course++;
      if (Math.abs(value - truth) <= 1.96 * se) held.course++;

      const current_price = listPriceAt(world, c, end_ms - 1);
      const { features, cells, jitter_cells, exposure, band, updated_at_ms, sequence } = must(reader.course(course_id, end_ms), "a course");
      const inputs = { course_id, course_features: null, features, cells, jitter_cells, exposure, category, now_ms: end_ms, updated_at_ms, current_price, current_enrollments: null, objective: "revenue" as const, model_digest: model.digest, policy_version: defaultPolicy.version, terms: termsFor(defaultPolicy, course_id, category, band), record_sequence: sequence, degraded: [] };
      const [low, high] = optimizeAnswer(priceCourse(inputs, model, defaultPolicy), "q").elasticity.ci95;
      const now = trueElasticity(world, c, current_price, end_ms);
      n.answer++;
      if (low <= now && now <= high) held.answer++;
    }
    for (const [category, truths] of byCategory) {
      const truth = truths.reduce((sum, e) => sum + e, 0) / truths.length;
      const { value, se } = categoryElasticity(report, category);
      n.category++;
      category_error += Math.abs(value - truth);
      if (Math.abs(value - truth) <= 1.96 * se) held.category++;
    }
  }
  expect(category_error / n.category).toBeLessThan(0.3);
  for (const level of ["course", "answer"] as const) expect(held[level] / n[level], level).toBeGreaterThan(0.9);
  // Of 16 intervals, 12 or fewer would hold the truth less than once in a hundred runs.
  expect(held.category).toBeGreaterThanOrEqual(13);
  expect(held.course / n.course).toBeLessThan(0.99);
});

test("without jitter on the platform nothing is identified, course by course", () => {
  const world = createWorld(smallPlatform({ jitter_sigma: 0 }));
  const { report } = learn(world);
  expect(report.global).toMatchObject({ identified: false, source: "prior" });
  for (let c = 0; c < world.courses.count; c++) expect(courseElasticity(report, must(world.categories.names[world.courses.category[c]!], "a category"), courseId(c)).identified).toBe(false);
});
