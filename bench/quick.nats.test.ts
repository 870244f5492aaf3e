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

/** What a process of benches runs: those that need a platform share one, which takes longer to start than they take. */
const onOnePlatform = ["freshness", "serve", "overload", "steady"] as const;
const runs: readonly (readonly (keyof typeof expected)[])[] = [onOnePlatform, ...(Object.keys(expected) as (keyof typeof expected)[]).filter((name) => !onOnePlatform.some((own) => own === name)).map((name) => [name])];

interface Printed {
  readonly bench: string;
  readonly metrics: Record<string, number | object | null>;
  readonly reasons?: Record<string, string>;
}

for (const names of runs) {
  test(`${names.join(", ")} --quick`, { timeout: 480_000 }, async () => {
    const { stdout, failed } = await promisify(execFile)(process.execPath, [main, ...names, "--quick"], { timeout: 470_000 }).then(
      (ended) => ({ ...ended, failed: false }),
      (error: { readonly stdout: string }) => ({ stdout: error.stdout, failed: true }),
    );
    expect(failed, stdout).toBe(false);
    const lines = stdout.trim().split("\n");
    const printed = lines.filter((line) => line.startsWith('{"bench":')).map((line) => JSON.parse(line) as Printed);
    expect(printed.map(({ bench }) => bench)).toEqual(names);
    expect(lines.at(-1)).toMatch(/^\{"bench":/);
    for (const { bench, metrics, reasons } of printed) {
      for (const key of expected[bench as keyof typeof expected]) expect(figureAt(metrics, key), `${bench} ${key}`).toBeTypeOf("number");
      for (const [key, value] of Object.entries(metrics)) expect(value ?? reasons?.[key], `${bench} ${key}`).not.toBeUndefined();
      for (const none of ["errors", "lost", "duplicated"]) expect(metrics[none] ?? 0, `${bench} ${none}`).toBe(0);
      expect(metrics["quotes_logged_share"] ?? 1).toBe(1);
    }
  });
}
