/** All elasticity models and their selection on the rows of a synthetic platform, in the shipped pool, and how long serving takes to load the champion. */
import { must } from "../../src/lib/assert.ts";
import { artifactDigest, compileArtifact } from "../../src/models/compiled.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { selectChallenger } from "../../src/training/elasticity/evaluation-stage.ts";
import { prepare } from "../../src/training/elasticity/preparation-stage.ts";
import { train } from "../../src/training/elasticity/training-stage.ts";
import { createTrainingPool } from "../../src/training/pool.ts";
import { answer } from "../child.ts";
import { platformDataset } from "../platform-dataset.ts";

const quick = process.argv[2] === "quick";
const dataset = platformDataset(quick ? { ...defaultPlatform, enrollments: 8_000, weeks: 16 } : defaultPlatform);
const pool = await createTrainingPool({ threads: 2, deadline_ms: 300_000 });
const started_ms = performance.now();
const started_cpu = process.cpuUsage();
const preparation = prepare(dataset);
const trained = await train(dataset.trials, preparation, { pool, seed: 1 });
const { artifact, bytes, candidates } = selectChallenger(dataset, preparation, trained, { seed: 1, code_version: "bench" });
const total_s = (performance.now() - started_ms) / 1000;
const { user, system } = process.cpuUsage(started_cpu);
const digest = artifactDigest(bytes);
const load_ms: number[] = [];
for (let i = 0; i < 5; i++) {
  const begun_ms = performance.now();
  compileArtifact(bytes, digest);
  load_ms.push(performance.now() - begun_ms);
}
const { backend } = pool.backend;
await pool.close();
answer({
  total_s,
  cpu_s: (user + system) / 1e6,
  causal_s: trained.causal_s,
  backend,
  load_ms: load_ms[0]!,
  rows: dataset.rows.length,
  champion: artifact.champion,
  candidates: candidates.map(({ name, forward, grouped, barred, seconds }) => ({ name, deviance: must(forward.metrics["poisson_deviance"], "a deviance"), skill: forward.metrics["skill"], barred, seconds, courses: grouped && { ...grouped.metrics, ceiling: grouped.ceiling } })),
  hash: digest,
});
