import fc from "fast-check";
import { expect, test } from "vitest";
import { ExposureChanges } from "./exposure-changes.ts";
import { MemoryStore } from "./memory-store.ts";
import type { FeatureStore, LearnerExposure } from "./store.ts";

type Step = { readonly learner: string; readonly experiments: readonly string[] } | { readonly erased: string };

function fold(store: FeatureStore, steps: readonly (Step & { readonly sequence: number })[]): void {
  const changes = new ExposureChanges(store);
  for (const step of steps) {
    if ("erased" in step) changes.erase(step.erased);
    else changes.add(step.learner, step.experiments.map((id) => ({ id, arm: `arm-${step.sequence}`, probability: 0.5, covariate: step.sequence })), 1_000 + step.sequence, step.sequence);
  }
  store.commit((batch) => changes.write(batch));
}

const learner = fc.constantFrom("L1", "L2", "L-3");
const step: fc.Arbitrary<Step> = fc.oneof({ weight: 5, arbitrary: fc.record({ learner, experiments: fc.uniqueArray(fc.constantFrom("e1", "e2", "e-1"), { maxLength: 3 }) }) }, { weight: 1, arbitrary: fc.record({ erased: learner }) });

test("the first quote of an experiment counts, whatever the batches; who is erased is in none", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 40 }), (steps, batch) => {
      const store = new MemoryStore();
      const expected = new Map<string, LearnerExposure>();
      const numbered = steps.map((own, i) => Object.assign({ sequence: i + 1 }, own));
      for (let i = 0; i < numbered.length; i += batch) fold(store, numbered.slice(i, i + batch));
      for (const own of numbered) {
        if ("erased" in own) for (const key of [...expected.keys()].filter((place) => place.endsWith(`/${own.erased}`))) expected.delete(key);
        else for (const id of own.experiments) if (!expected.has(`${id}/${own.learner}`)) expected.set(`${id}/${own.learner}`, { experiment_id: id, learner_id: own.learner, arm: `arm-${own.sequence}`, probability: 0.5, covariate: own.sequence, exposed_ms: 1_000 + own.sequence, sequence: own.sequence });
      }
      const found = ["e1", "e2", "e-1"].flatMap((id) => [...store.exposedTo(id)].map((one) => store.exposure(id, one)));
      expect(new Set(found)).toEqual(new Set(expected.values()));
      for (const one of ["L1", "L2", "L-3"]) expect(store.exposuresOf(one)).toEqual([...expected.values()].filter(({ learner_id }) => learner_id === one).map(({ experiment_id }) => experiment_id).sort());
    }),
  );
});

test("learners are listed in order, from the one after another on", () => {
  const store = new MemoryStore();
  fold(store, ["L2", "L1", "L10"].map((own, i) => ({ learner: own, experiments: ["e", "e-2"], sequence: i + 1 })));
  expect([...store.exposedTo("e")]).toEqual(["L1", "L10", "L2"]);
  expect([...store.exposedTo("e", "L1")]).toEqual(["L10", "L2"]);
  expect([...store.exposedTo("none")]).toEqual([]);
});
