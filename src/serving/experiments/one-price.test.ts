import { expect, test } from "vitest";
import { type Policy, policySchema } from "../../contracts/policy.ts";
import { personalizedAnswerSchema } from "../../contracts/quote.ts";
import { must } from "../../lib/assert.ts";
import { Prng } from "../../lib/prng.ts";
import { DAY_MS, formatTime, HOUR_MS, parseTime } from "../../lib/time.ts";
import { registered, testScorer } from "../learners/testing.ts";
import { FixedPolicy } from "../policy-source.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";

const LEARNERS = ["L1", "L2", "L3", "L4", "L5", "L6"];
const usual: Policy = Object.freeze({ ...policySchema.parse({}), version: "default-1" });
/** Gives less away, so that a change of arm would show. */
const timid: Policy = Object.freeze({ ...policySchema.parse({ personalisation: { max_discount: 0.02 } }), version: "timid-1" });

class Policies extends FixedPolicy {
  override byVersion(version: string): Policy | undefined {
    return version === timid.version ? timid : super.byVersion(version);
  }
}

/** Learners who heed prices, on a course that sells at 100 tokens. */
async function engineOf(): Promise<TestEngine> {
  const engine = new TestEngine({ policies: new Policies(usual) });
  engine.foldCatalogue();
  engine.fold(...LEARNERS.map((id) => registered(id)));
  const artifact = testArtifact();
  engine.promote({ ...artifact, elasticity: { ...artifact.elasticity, categories: { programming: { value: -0.7, se: 0.05, sales: 3_000, identified: true, source: "category" } } } });
  for (let i = 0; i < 20; i++) engine.fold({ id: `low${i}`, type: "exposure.viewed", time: formatTime(START_MS - DAY_MS), course_id: "c1", learner_id: `l${i}`, price: 75 });
  engine.propensity.current = { model: { ...testScorer(), average_price_effect: -1.5, priceEffect: () => ({ value: -6, se: 0.2 }) } };
  await engine.models.check();
  return engine;
}

const arms = [
  { name: "list", weight: 1, price: { kind: "list" } },
  { name: "usual", weight: 1, price: { kind: "active" } },
  { name: "timid", weight: 1, price: { kind: "policy", policy_id: "timid", revision: 1 } },
];

/** Whatever experiments run, begin and end meanwhile: a learner has one price of a course until its lock ends. */
test.each([1, 2, 3])("one price within the lock's time, whatever experiments come and go (%s)", async (seed) => {
  const engine = await engineOf();
  const random = new Prng(`one price ${seed}`);
  const held = new Map<string, { price: number; until_ms: number }>();
  const exposed = new Set<string>();
  const statuses = new Set<number>();
  const broken: string[] = [];
  let [changes, kept, running] = [0, 0, ""];
  for (let step = 0; step < 200; step++) {
    const what = random.integer(10);
    if (what === 0) {
      if (running !== "") statuses.add((await engine.post(`/experiments/${running}/stop`, {})).status);
      running = `e${step}`;
      const unit = random.integer(3) === 0 ? { kind: "course_cluster", period_days: 1 } : { kind: "learner" };
      const experiment = { unit, arms, control_arm: "list", salt: `s${step}`, metric: "revenue", minimum_effect: 1 };
      for (const [path, body] of [["", { experiment_id: running, experiment }], [`/${running}/start`, {}]] as const) statuses.add((await engine.post(`/experiments${path}`, body)).status);
    } else if (what === 1) engine.clock.time_ms += (1 + random.integer(30)) * HOUR_MS;
    else if (what === 2) engine.quote_broker.foldInto(engine.store);
    const learner_id = must(LEARNERS[random.integer(LEARNERS.length)], "a learner");
    const response = await engine.post("/personalized_pricing", { learner_id, course_id: "c1" });
    const answer = personalizedAnswerSchema.parse(await response.json());
    for (const { id, arm } of answer.experiments) exposed.add(`${id}/${arm}`);
    const now_ms = engine.clock.time_ms;
    const before = held.get(learner_id);
    if (before !== undefined && now_ms < before.until_ms) {
      if (answer.personalized_price !== before.price) broken.push(`${learner_id} at step ${step}: ${before.price}, then ${answer.personalized_price}`);
      kept++;
      continue;
    }
    if (before !== undefined && before.price !== answer.personalized_price) changes++;
    held.set(learner_id, { price: answer.personalized_price, until_ms: parseTime(must(answer.locked_until, "a locked price")) });
  }
  expect(broken).toEqual([]);
  expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 201]);
  // Locks were asked through, and prices did change once they were over: arms are not all alike.
  expect(kept).toBeGreaterThan(80);
  expect(changes).toBeGreaterThan(3);
  expect(exposed.size).toBeGreaterThan(3);
});
