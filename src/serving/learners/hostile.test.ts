import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Event } from "../../contracts/events.ts";
import { learnerScoresSchema, propensityBatchAnswerSchema, recommendationsAnswerSchema, segmentsAnswerSchema } from "../../contracts/learner-scores.ts";
import { problemSchema } from "../../contracts/problem.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { artifactDigest, encodeArtifact } from "../../models/compiled.ts";
import { compilePropensity } from "../../models/propensity/compiled-scorer.ts";
import { propensityArtifact } from "../../models/propensity/testing.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";

const bytes = encodeArtifact(propensityArtifact());
const model = compilePropensity(bytes, artifactDigest(bytes));

// Names that objects inherit are ids like any other.
const learner_id = fc.constantFrom("l1", "__proto__", "constructor", "toString", "-", "_", "a".repeat(64));
const course_id = fc.constantFrom("c1", "c2", "c3", "__proto__", "hasOwnProperty", "c9");
const amount = fc.oneof(fc.nat(500), fc.constantFrom(0, 1_000_000_000));
const price = amount;

const drafts = fc.oneof(
  fc.record({ type: fc.constantFrom("token.purchased", "token.earned", "token.spent", "token.refunded", "token.expired"), learner_id, amount }),
  fc.record({ type: fc.constant("exposure.viewed"), learner_id, course_id, price }),
  fc.record({ type: fc.constant("enrollment.created"), learner_id, course_id, price }),
  fc.record({ type: fc.constantFrom("enrollment.completed", "enrollment.dropped", "enrollment.refunded"), learner_id, course_id, enrollment_id: fc.constant("any") }),
  fc.record({ type: fc.constant("activity.session"), learner_id, course_id, minutes: fc.integer({ min: 0, max: 1_440 }) }),
  fc.record({ type: fc.constant("activity.rating"), learner_id, rating: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ type: fc.constant("learner.upserted"), learner_id, registered_at: fc.constantFrom("1970-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2099-01-01T00:00:00Z") }),
  fc.record({ type: fc.constant("learner.erased"), learner_id }),
);

let events = 0;

test("whatever a learner does, every answer is finite and of its schema, or a problem", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(drafts, fc.integer({ min: -400, max: 0 })), { maxLength: 25 }), fc.boolean(), async (history, modelled) => {
      const engine = new TestEngine();
      engine.foldCatalogue();
      engine.promote(testArtifact());
      await engine.models.check();
      if (modelled) engine.propensity.current = { model };
      for (const [draft, days] of history) {
        const id = `h${events++}`;
        engine.fold({ enrollment_id: id, ...draft, id, time: formatTime(START_MS + days * DAY_MS) } as unknown as Event);
      }
      const ids = ["l1", "__proto__", "constructor", "toString", "-", "_", "a".repeat(64)];
      const answered = async (path: string, schema: { parse(json: unknown): unknown }): Promise<void> => {
        const response = await engine.app.request(path);
        expect([200, 404]).toContain(response.status);
        (response.status === 200 ? schema : problemSchema.strict()).parse(await response.json());
      };
      for (const id of ids) {
        await answered(`/learner/${id}/propensity`, learnerScoresSchema.strict());
        await answered(`/learner/${id}/recommendations`, recommendationsAnswerSchema.strict());
      }
      await answered("/segments", segmentsAnswerSchema.strict());
      propensityBatchAnswerSchema.strict().parse(await (await engine.post("/propensity_batch", { learner_ids: ids, drivers: true })).json());
    }),
    { numRuns: 60 },
  );
});

test("bodies and queries of any kind are answered or refused", async () => {
  const engine = new TestEngine();
  engine.foldCatalogue();
  const body = fc.oneof(fc.json(), fc.record({ learner_ids: fc.oneof(fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()), { maxLength: 6 }), fc.jsonValue()), drivers: fc.jsonValue() }, { requiredKeys: [] }).map((value) => JSON.stringify(value)));
  const query = fc.record({ limit: fc.string(), category: fc.string({ unit: "binary" }) }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(body, query, fc.string({ unit: "binary" }), async (text, parameters, id) => {
      const responses = [
        await engine.app.request("/propensity_batch", { method: "POST", body: text, headers: { "content-type": "application/json" } }),
        await engine.app.request(`/learner/l1/recommendations?${new URLSearchParams(parameters).toString()}`),
        await engine.app.request(`/learner/${encodeURIComponent(id.replaceAll(/[\uD800-\uDFFF]/g, "?"))}/propensity`),
      ];
      for (const response of responses) {
        expect(response.status).toBeLessThan(500);
        expect(await response.text()).not.toMatch(/\n\s+at |node_modules|\.ts:\d/);
      }
    }),
    { numRuns: 300 },
  );
});
