/** One share of the pricing bench's work: seeds of a scenario, platforms, quotes at random, or the time of one price. */
import { assert, must } from "../../src/lib/assert.ts";
import { decide, decisionRecordJson, replayDecision } from "../../src/pricing/decision.ts";
import { intervalCoverage, overlaps } from "../../src/pricing/off-policy/testing.ts";
import { priceCourse } from "../../src/pricing/price-course.ts";
import { randomQuotes, violations } from "../../src/pricing/quote-fuzz.ts";
import { defaultPlatform } from "../../src/simulator/config.ts";
import { drawPricingScenario, pricingScenario } from "../../src/simulator/pricing-scenario.ts";
import { answer } from "../child.ts";
import type { PricingAnswer, PricingJob } from "../pricing.ts";
import { coverageOf, learnPlatform, pricePlatform } from "../pricing-platform.ts";
import { runEngine, runRule, scenarioPolicy } from "../pricing-run.ts";
import { timeOptimise } from "../pricing-time.ts";
import { seedElasticityRule, seedRules, trueMeanElasticity } from "../seed-rules.ts";

/** As dense as the default platform: 25 sales a course; its weeks, prices and traffic a course are the same. */
const platform = { learners: 2_000, courses: 400, teachers: 100, enrollments: 10_000 };
/** Courses that sell 400 in 40 weeks, so that the slope is their own data's. */
const dense = { learners: 4_000, courses: 60, teachers: 30, enrollments: 24_000, weeks: 40 };

function scenario({ seed, courses, greedy }: Extract<PricingJob, { kind: "scenario" }>): PricingAnswer {
  const one = { ...pricingScenario, courses, seed };
  const elasticity = trueMeanElasticity(drawPricingScenario(one));
  const { share, last_quarter, prices, changes } = runEngine(one);
  const without = greedy ? runEngine(one, { ...scenarioPolicy, exploration: { kind: "none" } }) : null;
  return {
    kind: "scenario",
    seed,
    static_share: runRule(one, (_day, price) => price).share,
    seed_rules_share: runRule(one, seedRules(elasticity)).share,
    seed_elasticity_rule_share: runRule(one, seedElasticityRule(elasticity)).share,
    engine_share: share,
    engine_last_quarter_share: last_quarter,
    greedy: without === null ? null : { share: without.share, last_quarter: without.last_quarter },
    changes_a_course: changes / one.courses,
    prices: prices.reduce((hash, price) => Math.imul(hash ^ price, 0x01000193) >>> 0, 0x811c9dc5),
  };
}

function fuzz(from: number, quotes: number): PricingAnswer {
  let broken = 0;
  let moved = 0;
  for (const quote of randomQuotes(from, quotes)) {
    const outcome = priceCourse(quote.inputs, quote.model, quote.policy);
    broken += violations(quote, outcome).length;
    if (outcome.optimal_price !== quote.inputs.current_price) moved++;
  }
  return { kind: "fuzz", quotes, violations: broken, moved };
}

function replay(from: number, quotes: number): PricingAnswer {
  let identical = 0;
  for (const { inputs, model, policy } of randomQuotes(`replay:${from}`, quotes)) {
    const record: unknown = JSON.parse(decisionRecordJson(decide(inputs, model, policy), { decided_at_ms: 0, cursor_sequence: 1 }));
    if (replayDecision(record, model, policy).identical) identical++;
  }
  return { kind: "replay", quotes, identical };
}

function run(job: PricingJob): PricingAnswer {
  switch (job.kind) {
    case "scenario":
      return scenario(job);
    case "platform": {
      const learnt = learnPlatform({ ...defaultPlatform, ...platform, ...(job.small ? { learners: 600, courses: 120, teachers: 30, enrollments: 3_000 } : {}), seed: job.seed });
      const coverage = coverageOf(learnt);
      const { prices, ...shares } = pricePlatform(learnt);
      assert(prices.every(Number.isInteger), "prices are whole");
      return { kind: "platform", seed: job.seed, ...shares, coverage };
    }
    case "dense":
      return { kind: "dense", seed: job.seed, coverage: coverageOf(learnPlatform({ ...defaultPlatform, ...dense, ...(job.small ? { learners: 1_500, courses: 20, enrollments: 8_000 } : {}), seed: job.seed })) };
    case "fuzz":
      return fuzz(job.seed, job.quotes);
    case "replay":
      return replay(job.seed, job.quotes);
    case "off_policy":
      return { kind: "off_policy", ...intervalCoverage(must(overlaps[job.overlap], "an overlap"), `bench-${job.overlap}`, job.logs) };
    case "time":
      return { kind: "time", ...timeOptimise() };
  }
}

answer({ answers: (JSON.parse(must(process.argv[2], "jobs")) as PricingJob[]).map(run) });
