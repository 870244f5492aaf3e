import { beforeAll, describe, expect, test } from "vitest";
import { propensityHealthSchema } from "../../contracts/propensity-health.ts";
import { learnerFeatureNames } from "../../features/learner-replay.ts";
import { must } from "../../lib/assert.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import type { CompiledPropensity } from "../../models/propensity/compiled-scorer.ts";
import { generateHistory } from "../../simulator/history.ts";
import { smallPlatform } from "../../simulator/test-platform.ts";
import { createWorld } from "../../simulator/world.ts";
import type { PropensityDataset } from "./dataset.ts";
import { HealthMetrics } from "./health-metrics.ts";
import { championOf, datasetOf, HELD_OUT_AUC } from "./health-testing.ts";
import { healthOf } from "./health.ts";
import { recordHealth } from "./monitor.ts";

const config = smallPlatform({ learners: 900, courses: 150, enrollments: 5_000, weeks: 45, late_share: 0 });
/** Leaves enrollment two cut-offs, and dimensions of 60 days one. */
const fitted_to_ms = config.end_ms - 70 * DAY_MS;
let dataset: PropensityDataset;
let champion: CompiledPropensity;

beforeAll(() => {
  dataset = datasetOf([...generateHistory(createWorld(config))], config.end_ms - 45 * 7 * DAY_MS, config.end_ms);
  champion = championOf(dataset, fitted_to_ms).champion;
}, 60_000);

/** The rows since the champion was fitted, changed. */
function drifted(change: { features?: (values: Float64Array) => void; labels?: (y: Uint8Array, random: Prng) => void }): PropensityDataset {
  const values = dataset.features.values.slice();
  const shared = new Float64Array(new SharedArrayBuffer(values.byteLength));
  const width = dataset.features.columns;
  for (let row = 0; row < dataset.features.rows; row++) if (dataset.at_ms[dataset.period[row]!]! >= fitted_to_ms) change.features?.(values.subarray(row * width, (row + 1) * width));
  shared.set(values);
  const y = new Uint8Array(new SharedArrayBuffer(dataset.labels.enrollment.y.length));
  y.set(dataset.labels.enrollment.y);
  const { row } = dataset.labels.enrollment;
  const first = [...row.keys()].find((i) => dataset.at_ms[dataset.period[row[i]!]!]! >= fitted_to_ms)!;
  change.labels?.(y.subarray(first), new Prng("labels"));
  return { ...dataset, features: { ...dataset.features, values: shared }, labels: { ...dataset.labels, enrollment: { row, y } } };
}

describe("the health of a champion", () => {
  test("is of labels that matured since it was fitted, and of no others", () => {
    const health = healthOf(dataset, champion);
    const since = (days: number): string[] => dataset.at_ms.filter((at) => at >= fitted_to_ms && at + (1 + days) * DAY_MS <= config.end_ms).map(formatTime);
    for (const { dimension, rolling, rows } of health.dimensions) {
      expect(rolling.map(({ at }) => at)).toEqual(since(dimension === "enrollment" ? 30 : 60));
      expect(rolling.reduce((sum, own) => sum + own.rows, 0)).toBe(rows);
    }
    expect(since(30)).toHaveLength(2);
    const [enrollment, churn] = health.dimensions;
    for (const own of [enrollment!, churn!]) {
      expect(own.auc).toBeGreaterThan(0.75);
      expect(own.auc_trained).toBe(HELD_OUT_AUC[own.dimension]);
      expect(own.slope).toBeGreaterThan(0.5);
    }
    expect(health.breaches.filter(({ what }) => what.endsWith(".auc"))).toEqual([]);
    expect(healthOf(dataset, champion)).toEqual(health);
  });

  test("is breached when the labels have nothing to do with the scores any more", () => {
    const { breaches } = healthOf(drifted({ labels: (y, random) => y.forEach((_, i) => (y[i] = random.uniform() < 0.2 ? 1 : 0)) }), champion);
    expect(breaches.map(({ what }) => what)).toEqual(expect.arrayContaining(["enrollment.auc", "enrollment.slope"]));
    expect(breaches.some(({ what }) => what.startsWith("churn."))).toBe(healthOf(dataset, champion).breaches.some(({ what }) => what.startsWith("churn.")));
  });

  test("is breached when scores and inputs move", () => {
    const counts = ["exposures", "exposures_7d", "exposures_30d"].map((name) => learnerFeatureNames.indexOf(name));
    const { dimensions, inputs, breaches } = healthOf(drifted({ features: (values) => counts.forEach((i) => (values[i] = 50 + 9 * values[i]!)) }), champion);
    expect(inputs.find(({ name }) => name === "log_exposures_30d")!.psi).toBeGreaterThan(1);
    expect(inputs.find(({ name }) => name === "completion_rate")!.psi).toBeLessThan(0.25);
    expect(dimensions[0]!.score_psi).toBeGreaterThan(0.25);
    expect(breaches.map(({ what }) => what)).toContain("enrollment.score_psi");
  });

  test("a breach opens a retrain once for each champion", () => {
    const good = { ...healthOf(dataset, champion), breaches: [] };
    const bad = { ...good, breaches: [{ what: "churn.auc", value: 0.5, limit: 0.8, detail: "0.5 live" }] };
    const first = recordHealth(good, undefined, 0);
    expect(first).toMatchObject({ opens_retrain: false, health: { retrain_opened_for: null } });
    const second = recordHealth(bad, first.health, DAY_MS);
    expect(second).toMatchObject({ opens_retrain: true, health: { retrain_opened_for: "v-test" } });
    // Neither while it lasts, nor when it comes again.
    const third = recordHealth(bad, second.health, 2 * DAY_MS);
    const fourth = recordHealth(good, third.health, 3 * DAY_MS);
    expect([third, fourth, recordHealth(bad, fourth.health, 4 * DAY_MS)].map(({ opens_retrain }) => opens_retrain)).toEqual([false, false, false]);
    expect(recordHealth({ ...bad, model_version: "v-next" }, fourth.health, 4 * DAY_MS).opens_retrain).toBe(true);
    expect(propensityHealthSchema.parse(JSON.parse(JSON.stringify(second.health)))).toEqual(second.health);
  });

  test("is told to Prometheus, without figures that were not taken", async () => {
    const metrics = new HealthMetrics();
    const { health } = recordHealth(healthOf(dataset, champion), undefined, 1_000_000);
    metrics.update(health);
    metrics.update({ ...health, dimensions: health.dimensions.map((own) => Object.assign({}, own, own.dimension === "upsell" && { auc: null })) });
    const text = await metrics.registry.metrics();
    const enrollment = must(health.dimensions[0], "enrollment");
    expect(text).toContain(`tidemark_propensity_live_auc{dimension="enrollment"} ${enrollment.auc}`);
    expect(text).not.toContain("tidemark_propensity_live_auc{dimension=\"upsell\"}");
    expect(text).toContain(`tidemark_propensity_breaches ${health.breaches.length}`);
    expect(text).toContain("tidemark_propensity_checked_seconds 1000");
  });
});
