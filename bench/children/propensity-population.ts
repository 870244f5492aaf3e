/** The learners of some populations of a platform, as rows for the ceiling, in a folder each. */
import { join } from "node:path";
import { must } from "../../src/lib/assert.ts";
import { trueSensitivity } from "../../src/simulator/latent-propensity.ts";
import { createWorld } from "../../src/simulator/world.ts";
import { answer } from "../child.ts";
import { platformLearners } from "../platform-learners.ts";
import type { PopulationJob } from "../propensity.ts";
import { writeRows } from "../propensity-rows.ts";

const { config, calibration, populations, folder }: PopulationJob = JSON.parse(must(process.argv[2], "job"));
let rows = 0;
for (const population of populations) {
  const world = createWorld({ ...config, population }, calibration);
  const dataset = platformLearners(world);
  const sensitivity = dataset.at_ms.map((at_ms) => trueSensitivity(world, at_ms));
  writeRows(join(folder, String(population)), dataset, Float64Array.from(dataset.learner, (id, row) => sensitivity[dataset.period[row]!]![Number(id.slice(1))]!));
  rows += dataset.features.rows;
}
answer({ rows });
