/** All elasticity models and their selection on the rows of a synthetic platform, in the shipped pool, and how long serving takes to load the champion. */
import { elasticityArtifact } from "../../src/training/train-elasticity.ts";
import { fitElasticity } from "../../src/training/fit-elasticity.ts";
import { createTrainingPool } from "../../src/training/pool.ts";
import { artifactDigest, compileArtifact, encodeArtifact, resultDigest } from "../../src/models/compiled.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { answer } from "../child.ts";
import { platformDataset } from "../platform-dataset.ts";

const quick = process.argv[2] === "quick";
const dataset = platformDataset(quick ? { ...defaultPlatform, enrollments: 8_000, weeks: 16 } : defaultPlatform);
const pool = await createTrainingPool({ threads: 2, deadline_ms: 300_000 });
const fitted = await fitElasticity(dataset, { pool, seed: 1 });
const artifact = elasticityArtifact(dataset, fitted, { seed: 1, trained_at: "2026-01-01T00:00:00.000Z", code_version: "bench" });
const bytes = encodeArtifact(artifact);
const digest = artifactDigest(bytes);
const load_ms: number[] = [];
for (let i = 0; i < 5; i++) {
  const started_ms = performance.now();
  compileArtifact(bytes, digest);
  load_ms.push(performance.now() - started_ms);
}
const { backend } = pool.backend;
await pool.close();
answer({
  total_s: fitted.total_s,
  causal_s: fitted.causal_s,
  backend,
  load_ms: load_ms[0]!,
  rows: dataset.rows.length,
  champion: fitted.best.name,
  candidates: artifact.candidates.map(({ name, metrics, courses, rising, training_seconds }) => ({ name, deviance: metrics.poisson_deviance, skill: metrics.skill, rising, seconds: training_seconds, courses })),
  hash: resultDigest(artifact),
});
