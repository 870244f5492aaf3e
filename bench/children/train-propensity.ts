/** All propensity models and their selection on the learners of a synthetic platform, in the shipped pool. */
import { dimensions } from "../../src/contracts/propensity.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { createWorld } from "../../src/simulator/world.ts";
import { createTrainingPool } from "../../src/training/pool.ts";
import { answer } from "../child.ts";
import { platformLearners } from "../platform-learners.ts";
import { trainShipped } from "../propensity-training.ts";

const quick = process.argv[2] === "quick";
const dataset = platformLearners(createWorld(quick ? { ...defaultPlatform, learners: 1_000, courses: 300, enrollments: 5_000 } : defaultPlatform));
const pool = await createTrainingPool({ threads: 2, deadline_ms: 300_000 });
const started_cpu = process.cpuUsage();
const { scorer, digest, seconds } = await trainShipped(dataset, pool);
const { user, system } = process.cpuUsage(started_cpu);
await pool.close();
answer({
  total_s: seconds,
  cpu_s: (user + system) / 1e6,
  rows: dataset.features.rows,
  views: dataset.trials.row.length,
  champions: dimensions.map((dimension) => `${dimension} ${scorer.model(dimension)}`),
  hash: digest,
});
