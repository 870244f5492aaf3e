/** The shipped estimator on some seeds of a scenario or of a synthetic platform, judged against the truth. */
import { must } from "../../src/lib/assert.ts";
import { estimateElasticity } from "../../src/models/jitter-elasticity.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { drawElasticityScenario, elasticityScenario } from "../../src/simulator/elasticity-scenario.ts";
import { courseId } from "../../src/simulator/ids.ts";
import { meanElasticity } from "../../src/simulator/mean-elasticity.ts";
import { createWorld } from "../../src/simulator/world.ts";
import { answer } from "../child.ts";
import { score, type Score, type Truth } from "../elasticity-score.ts";
import type { ElasticityJob, ElasticityResult } from "../elasticity.ts";
import { platformTrials } from "../platform-trials.ts";

function onScenario(seed: number, changes: Partial<typeof elasticityScenario>): { trials: Parameters<typeof estimateElasticity>[0]; truth: Truth } {
  const { trials, global, categories, courses } = drawElasticityScenario({ ...elasticityScenario, ...changes, seed });
  return { trials, truth: { global, categories, courses: trials.map(({ course_id, category }) => ({ course_id, category, elasticity: must(courses.get(course_id), "a truth") })) } };
}

function onPlatform(seed: number): { trials: Parameters<typeof estimateElasticity>[0]; truth: Truth } {
  const world = createWorld({ ...defaultPlatform, seed });
  const { courses, categories } = world;
  const truths = Array.from({ length: courses.count }, (_, c) => ({ course_id: courseId(c), category: must(categories.names[courses.category[c]!], "a category"), elasticity: meanElasticity(world, c) })).filter(({ elasticity }) => !Number.isNaN(elasticity));
  const byCategory = new Map<string, number>();
  for (const category of categories.names) {
    const own = truths.filter((course) => course.category === category);
    byCategory.set(category, own.reduce((sum, { elasticity }) => sum + elasticity, 0) / own.length);
  }
  return { trials: platformTrials(world), truth: { global: Number.NaN, categories: byCategory, courses: truths } };
}

const job: ElasticityJob = JSON.parse(must(process.argv[2], "job"));
const scores: Score[] = [];
let estimate_s = 0;
for (let seed = job.from; seed < job.to; seed++) {
  const { trials, truth } = job.scenario === undefined ? onPlatform(seed) : onScenario(seed, job.scenario);
  const started_ms = performance.now();
  const report = estimateElasticity(trials);
  estimate_s += (performance.now() - started_ms) / 1000;
  scores.push(score(report, truth));
}
answer({ scores, estimate_s } satisfies ElasticityResult);
