import { HEALTH_FORMAT, type PropensityHealth } from "../../contracts/propensity-health.ts";
import { binaryDimensions } from "../../contracts/propensity.ts";
import { RUN_FORMAT, type TrainingRun, type TrainingSignal } from "../../contracts/training-run.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { artifactDigest, encodeArtifact } from "../../models/compiled.ts";
import { START_MS, testArtifact, type TestEngine } from "../testing.ts";

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A run that ended `days` ago and made these bytes of `version`. */
export function endedRun(version: string, bytes: Uint8Array, promoted: boolean, days = 30): TrainingRun {
  const theirs = [1, 0.95, 1.2] as const;
  return {
    format: RUN_FORMAT,
    run_id: `r-${version}`,
    family: "elasticity",
    trigger: "schedule",
    seed: 1,
    code_version: "test",
    range: { stream: "EVENTS", stream_created: "2026-01-01T00:00:00Z", first_sequence: 1, last_sequence: 9, from: "2025-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" },
    status: "completed",
    started_at: formatTime(START_MS - days * DAY_MS),
    ended_at: formatTime(START_MS - days * DAY_MS + 60_000),
    attempts: 1,
    machine: { node: "20", platform: "linux", cpus: 2, backend: "cpu" },
    stages: [],
    checks: [],
    candidates: [],
    artifact: { name: `elasticity/${version}`, version, digest: artifactDigest(bytes), bytes: bytes.byteLength },
    verdict: {
      challenger: "log_linear",
      promoted,
      reason: promoted ? "better" : "worse than the naive forecasts",
      comparisons: (["naive", "champion", "naive"] as const).map((kind, i) => ({ opponent: `${kind} ${i}`, kind, metric: "poisson_deviance", challenger: 0.9, theirs: theirs[i]!, difference: -0.1, ci95: [-0.2, 0], margin: 0, passed: promoted, detail: "" })),
    },
    failure: null,
  };
}

/** A model that training has stored, with what its run said of it; undefined: it was never judged. */
export function store({ broker }: TestEngine, version: string, promoted: boolean | undefined, days = 30): void {
  const bytes = encodeArtifact(testArtifact(version));
  broker.objects.set(`elasticity/${version}`, bytes);
  if (promoted !== undefined) broker.objects.set(`r-${version}/run.json`, encode(endedRun(version, bytes, promoted, days)));
}

/** What the train role last measured of the learners' champion: one question has grown old. */
export function recordHealth({ broker }: TestEngine, model_version: string): void {
  const health: PropensityHealth = {
    format: HEALTH_FORMAT,
    time: formatTime(START_MS - DAY_MS),
    model_version,
    fitted_to: formatTime(START_MS - 200 * DAY_MS),
    dimensions: binaryDimensions.map((dimension, i) => ({
      dimension,
      rows: 900,
      positives: 120,
      auc: 0.7 + i / 50,
      auc_se: 0.02,
      auc_trained: 0.74,
      ece: 0.02,
      slope: 1.05,
      slope_se: 0.1,
      score_psi: 0.08,
      rolling: [3, 2, 1].map((month) => ({ at: formatTime(START_MS - month * 31 * DAY_MS), rows: 300, auc: 0.7 + i / 50 + month / 100, ece: 0.02 + i / 200 })),
    })),
    inputs: [{ name: "balance_log", psi: 0.31 }, { name: "sessions_30d", psi: 0.04 }],
    breaches: [{ what: "churn.auc", value: 0.66, limit: 0.71, detail: "churn: the area under the curve has fallen to 0.66." }],
    retrain_opened_for: model_version,
  };
  broker.objects.set("health/propensity.json", encode(health));
}

/** What a run under way tells of itself. */
export function tellTraining({ broker, clock }: TestEngine, place: Partial<TrainingSignal> = {}): void {
  const signal: TrainingSignal = { run_id: "r9", family: "elasticity", time: formatTime(clock.time_ms), status: "running", stage: "training", step: "gradient_boosting", done: 3, total: 6, metrics: { skill: 0.12 }, ...place };
  broker.messages.push({ subject: "signals.training.r9", sequence: broker.messages.length + 1, time_ms: clock.time_ms, data: encode(signal) });
}
