import * as fc from "fast-check";
import { expect, test } from "vitest";
import { optimizeAnswerSchema, predictAnswerSchema } from "../contracts/api.ts";
import { problemSchema } from "../contracts/problem.ts";
import { testArtifact, TestEngine } from "./testing.ts";

const engine = new TestEngine();
engine.foldCatalogue();
// Names that objects inherit are ids like any other.
for (const id of ["__proto__", "constructor", "toString"]) {
  const time = new Date(engine.clock.time_ms).toISOString();
  engine.fold({ id, type: "course.upserted", time, course_id: id, teacher_id: "t1", category: id, difficulty_level: "expert", quality_tier: "elite", base_price: 50, launched_at: time });
}
engine.promote(testArtifact());
await engine.models.check();

async function post(path: string, body: string | Uint8Array<ArrayBuffer>): Promise<Response> {
  return engine.app.request(path, { method: "POST", body, headers: { "content-type": "application/json" } });
}

/** Never a 5xx, never a stack: an answer of its schema or a problem. */
async function check(path: string, body: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const response = await post(path, body);
  const text = await response.text();
  expect(response.status).toBeLessThan(500);
  expect(text).not.toMatch(/\n\s+at |node_modules|\.ts:\d/);
  const schema = response.status !== 200 ? problemSchema : path === "/optimize_price" ? optimizeAnswerSchema : predictAnswerSchema;
  schema.strict().parse(JSON.parse(text));
}

const path = fc.constantFrom("/optimize_price", "/predict_enrollments");
const scalar = fc.oneof(fc.integer(), fc.double(), fc.maxSafeInteger(), fc.constantFrom(0, -0, 1, 1e9, 1e9 + 1, 1e308, -1), fc.string({ unit: "binary" }), fc.boolean(), fc.constant(null), fc.jsonValue());
const id = fc.oneof(fc.constantFrom("c1", "c2", "c3", "__proto__", "constructor", "toString", "nobody"), scalar);
const features = fc.oneof(
  scalar,
  fc.record(
    {
      category: fc.oneof(fc.constantFrom("programming", "design", "__proto__", "constructor", "hasOwnProperty"), scalar),
      base_price: fc.oneof(fc.integer({ min: 1, max: 1_000_000_000 }), scalar),
      difficulty_level: fc.oneof(fc.constantFrom("beginner", "expert"), scalar),
      quality_tier: fc.oneof(fc.constantFrom("basic", "elite"), scalar),
    },
    { requiredKeys: [] },
  ),
);
const price = fc.integer({ min: 1, max: 1_000_000_000 });

const shaped = fc.record(
  {
    course_id: id,
    course_features: features,
    current_price: fc.oneof(price, scalar),
    current_enrollments: fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), scalar),
    objective: fc.oneof(fc.constantFrom("revenue", "enrollments"), scalar),
    price_points: fc.oneof(fc.array(price, { minLength: 1, maxLength: 100 }), fc.array(scalar, { maxLength: 120 }), scalar),
    horizon_days: fc.oneof(fc.integer({ min: 1, max: 365 }), scalar),
  },
  { requiredKeys: [] },
);
const valid = fc.record(
  {
    course_id: fc.constantFrom("c1", "c2", "c3", "__proto__", "constructor", "toString"),
    current_price: price,
    current_enrollments: fc.double({ min: 0, max: 1e9, noNaN: true }),
    objective: fc.constantFrom("revenue", "enrollments"),
    price_points: fc.array(price, { minLength: 1, maxLength: 100 }),
    horizon_days: fc.integer({ min: 1, max: 365 }),
  },
  { requiredKeys: ["course_id", "price_points"] },
);

test("arbitrary JSON is answered or refused", async () => {
  await fc.assert(fc.asyncProperty(path, fc.json(), check), { numRuns: 300 });
});

test("bodies of the right shape with hostile values are answered or refused", async () => {
  await fc.assert(
    fc.asyncProperty(path, shaped, (where, body) => check(where, JSON.stringify(body))),
    { numRuns: 800 },
  );
});

test("every valid body is answered, however absurd its numbers", async () => {
  await fc.assert(
    fc.asyncProperty(path, valid, async (where, body) => {
      expect((await post(where, JSON.stringify(body))).status).toBe(200);
      await check(where, JSON.stringify(body));
    }),
    { numRuns: 300 },
  );
});

test("arbitrary bytes and cut-off JSON are refused", async () => {
  await fc.assert(
    fc.asyncProperty(path, fc.uint8Array({ maxLength: 300 }), check),
    { numRuns: 200 },
  );
  await fc.assert(
    fc.asyncProperty(path, valid, fc.double({ min: 0, max: 0.99, noNaN: true }), async (where, body, share) => {
      const text = JSON.stringify(body);
      expect((await post(where, text.slice(0, Math.floor(text.length * share)))).status).toBe(400);
    }),
    { numRuns: 100 },
  );
});

test("any path and method gets a page, a problem or an answer", async () => {
  const method = fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD");
  await fc.assert(
    fc.asyncProperty(method, fc.webPath(), async (how, where) => {
      const response = await engine.app.request(where, { method: how });
      expect(response.status).toBeLessThan(500);
    }),
    { numRuns: 200 },
  );
});
