/** Drawn experiments through the shipped results, looked at every day. */
import { must } from "../../src/lib/assert.ts";
import { Prng } from "../../src/lib/prng.ts";
import { DAY_MS } from "../../src/lib/time.ts";
import { courseResults } from "../../src/pricing/experiments/course-results.ts";
import { learnerResults } from "../../src/pricing/experiments/learner-results.ts";
import { PairedMoments } from "../../src/pricing/experiments/paired-moments.ts";
import { SequentialComparison } from "../../src/pricing/experiments/sequential-comparison.ts";
import { drawnCells, drawnUnits } from "../../src/pricing/experiments/simulated-experiment.ts";
import { courseExperiment, EXPERIMENT_START_MS, learnerExperiment, startedExperiment } from "../../src/pricing/experiments/testing.ts";
import { answer } from "../child.ts";
import type { ExperimentJob, ExperimentRuns } from "../experiments.ts";

const job: ExperimentJob = JSON.parse(must(process.argv[2], "job"));
const runs: ExperimentRuns = { runs: 0, rejected: 0, naive_rejected: 0, better: 0, blocked: 0, breached: 0, covered_once: 0, covered_always: 0, reduction: 0, effect: 0, sd: 0 };

/** What somebody does who looks every day with a test that is made for one look: whether it ever rejects. */
function naive(units: ReturnType<typeof drawnUnits>, control: string): boolean {
  const arms = [new PairedMoments(), new PairedMoments()] as const;
  let day = Number.NaN;
  for (const { arm, exposed_ms, revenue_tokens } of units) {
    const own = Math.floor(exposed_ms / DAY_MS);
    if (own !== day && arms.every(({ n }) => n >= 100) && Math.abs(arms[0].mean_y - arms[1].mean_y) > 1.96 * Math.sqrt(arms[0].varianceOfMean(0) + arms[1].varianceOfMean(0))) return true;
    day = own;
    arms[arm === control ? 0 : 1].add(revenue_tokens, 0);
  }
  return false;
}

function learners({ definition, drawn, from, to }: Extract<ExperimentJob, { kind: "learners" }>): void {
  const state = startedExperiment("bench", learnerExperiment(definition));
  for (let run = from; run < to; run++) {
    const units = drawnUnits(state, { ...drawn, seed: `${job.name} ${run}` });
    const results = learnerResults(state, units, EXPERIMENT_START_MS + (drawn.days + state.experiment.outcome_days + 1) * DAY_MS);
    runs.runs++;
    if (results.comparisons.some(({ p_value }) => p_value <= state.experiment.alpha)) runs.rejected++;
    if (state.arms.length === 2 && naive(units, state.experiment.control_arm)) runs.naive_rejected++;
    if (results.verdict.decision === "better") runs.better++;
    if (results.sample_ratio?.ok === false) runs.blocked++;
    if (results.guardrails.some(({ breached }) => breached)) runs.breached++;
    runs.reduction += results.comparisons[0]?.cuped?.variance_reduction ?? 0;
    runs.effect += results.comparisons[0]?.effect ?? 0;
    runs.sd += sdOf(units.map(({ revenue_tokens }) => revenue_tokens));
  }
}

function sdOf(values: readonly number[]): number {
  const mean = values.reduce((sum, own) => sum + own, 0) / values.length;
  return Math.sqrt(values.reduce((sum, own) => sum + (own - mean) ** 2, 0) / (values.length - 1));
}

function clusters({ drawn, from, to }: Extract<ExperimentJob, { kind: "clusters" }>): void {
  const state = startedExperiment("bench", courseExperiment({ minimum_effect: 3 }));
  const end_ms = EXPERIMENT_START_MS + 80 * DAY_MS;
  for (let run = from; run < to; run++) {
    const cells = drawnCells(state, { ...drawn, seed: `${job.name} ${run}` });
    const { business, comparisons } = courseResults(state, cells, end_ms);
    // Whoever looks after each period, with what has come by then.
    const looks = [...new Set(cells.map(({ period }) => period))].toSorted((a, b) => a - b).map((last) => courseResults(state, cells.filter(({ period }) => period <= last), end_ms));
    if (looks.some((look) => look.comparisons.some(({ p_value }) => p_value <= state.experiment.alpha))) runs.rejected++;
    const once = business.arms[0]?.figures["revenue_per_course_day_tokens"]?.difference;
    const always = comparisons[0]?.interval;
    runs.runs++;
    if (once && once.low <= drawn.effect && drawn.effect <= once.high) runs.covered_once++;
    if (always && always.low <= drawn.effect && drawn.effect <= always.high) runs.covered_always++;
  }
}

/** Variance that a covariate of correlation ρ with a normal outcome takes off. */
function cuped({ rho, from, to }: Extract<ExperimentJob, { kind: "cuped" }>): void {
  for (let run = from; run < to; run++) {
    const random = new Prng(`${job.name} ${run}`);
    const comparison = new SequentialComparison({ tau2: 1, alpha: 0.05, cuped: true });
    for (let i = 0; i < 4_000; i++) {
      const x = random.normal();
      comparison.add(i % 2 === 0, rho * x + Math.sqrt(1 - rho * rho) * random.normal(), x);
    }
    runs.runs++;
    runs.reduction += comparison.look()?.variance_reduction ?? 0;
  }
}

if (job.kind === "learners") learners(job);
else if (job.kind === "clusters") clusters(job);
else cuped(job);
answer(runs);
