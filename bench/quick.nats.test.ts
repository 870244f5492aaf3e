import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const main = join(import.meta.dirname, "../dist/bench/main.js");

/** Keeps the benchmarks alive: they run, count no error, and print every figure or why there is none. */
const expected = {
  experiments: ["runs", "aa_rejected_revenue.value", "aa_rejected_four_arms.value", "power.found", "switchback.covered_at_95"],
  ingest: ["raw_consume_per_s", "fold_per_s", "ratio", "publish_per_s", "rss_mb"],
  freshness: ["p50_ms", "p99_ms", "rate_per_s"],
  scale: ["learners", "courses", "lmdb_mb", "bytes_per_learner", "fold_per_s", "optimize_p99_ms", "serve_rss_mb", "snapshot_ready_s", "prices_compared"],
  hostile: ["requests", "over_sockets", "malformed", "errors", "answered_200"],
  failover: ["acknowledged", "lost", "duplicated", "recovery_ms"],
  elasticity: ["mae_255", "category_mean_mae_255", "mae_ratio_255", "mae_ratio_59", "mae_ratio_25", "category_mae_255", "coverage_course", "coverage_category", "coverage_global", "seeds"],
  pricing: ["static_share", "seed_rules_share", "engine_share", "engine_last_quarter_share", "uplift_over_seed_ci95", "default_platform_share", "default_platform_static_share", "ope_coverage", "price_us", "quotes_fuzzed", "replayed"],
  // One object a dimension. The rank correlation itself needs more views than a quick run has.
  propensity: [
    ...["enrollment", "churn", "completion", "upsell"].flatMap((dimension) => ["auc", "observable_auc", "latent_auc", "ece", "slope", "hand_score_auc"].map((figure) => `${dimension}.${figure}`)),
    "price_sensitivity.spearman_ceiling",
    "shuffled_auc",
  ],
  serve: ["bare_hono_rps", "optimize_rps", "optimize_ratio", "optimize_p50_ms", "optimize_p99_ms", "predict_ratio", "predict_unique_ratio", "batch_prices_per_s", "errors", "quotes_logged_share"],
  overload: ["peak_rps", "goodput_rps", "goodput_ratio", "admitted_p99_ms", "refused_share", "recovery_ms", "errors"],
  steady: ["minutes", "memory_growth", "p99_first_ms", "p99_last_ms", "errors"],
};

/** A figure by its name, or by those of an object and of a figure in it. */
function figureAt(metrics: Record<string, number | object | null>, key: string): unknown {
  const [first = "", second] = key.split(".");
  return second === undefined ? metrics[first] : (metrics[first] as Record<string, unknown> | undefined)?.[second];
}

for (const [name, keys] of Object.entries(expected)) {
  test(`${name} --quick`, { timeout: 240_000 }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, name, "--quick"], { timeout: 230_000 });
    const last: { bench: string; metrics: Record<string, number | object | null>; reasons?: Record<string, string> } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    expect(last.bench).toBe(name);
    for (const key of keys) expect(figureAt(last.metrics, key), key).toBeTypeOf("number");
    for (const [key, value] of Object.entries(last.metrics)) expect(value ?? last.reasons?.[key], key).not.toBeUndefined();
    for (const none of ["errors", "lost", "duplicated"]) expect(last.metrics[none] ?? 0, none).toBe(0);
    expect(last.metrics["quotes_logged_share"] ?? 1).toBe(1);
  });
}
