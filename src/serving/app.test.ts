import { beforeEach, describe, expect, test } from "vitest";
import { BODY_BYTES_MAX, healthAnswerSchema, modelInfoAnswerSchema, optimizeAnswerSchema, predictAnswerSchema } from "../contracts/api.ts";
import { problemSchema } from "../contracts/problem.ts";
import type { Problem } from "../contracts/problem.ts";
import { formatTime } from "../lib/time.ts";
import { testArtifact, TestEngine } from "./testing.ts";

let engine: TestEngine;

beforeEach(async () => {
  engine = new TestEngine();
  engine.foldCatalogue();
  engine.promote(testArtifact());
  await engine.models.check();
  await engine.degradation.check();
});

async function problemOf(response: Response): Promise<Problem> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  const problem = problemSchema.strict().parse(await response.json());
  expect(problem.status).toBe(response.status);
  expect(JSON.stringify(problem)).not.toMatch(/at .*\.ts|node_modules|Error:/);
  return problem;
}

describe("answers", () => {
  test("a known course gets a full price inside its guardrails", async () => {
    engine.clock.time_ms += 5_000;
    engine.enroll("c1", 100);
    engine.clock.time_ms += 1_234;
    const response = await engine.post("/optimize_price", { course_id: "c1" });
    expect(response.status).toBe(200);
    const answer = optimizeAnswerSchema.strict().parse(await response.json());
    expect(answer).toMatchObject({ course_id: "c1", current_price: 100, model: "v1", policy: "default-1", freshness_ms: 1_234 });
    expect(answer.degraded).toBeUndefined();
    expect(answer.optimal_price).toBeGreaterThanOrEqual(90);
    expect(answer.optimal_price).toBeLessThanOrEqual(111);
    expect(answer.waterfall.length).toBeGreaterThan(1);
  });

  test("a course that nobody has seen is priced from its category", async () => {
    const course_features = { category: "programming", base_price: 120, difficulty_level: "expert" };
    const answer = optimizeAnswerSchema.parse(await (await engine.post("/optimize_price", { course_features })).json());
    expect(answer).toMatchObject({ course_id: null, current_price: 120 });
    const named = optimizeAnswerSchema.parse(await (await engine.post("/optimize_price", { course_id: "new", course_features })).json());
    expect(named).toMatchObject({ course_id: "new", current_price: 120 });
    expect(named.quote_id).not.toBe(answer.quote_id);
  });

  test("a known course is priced from its own record whatever course_features say", async () => {
    const plain = (await (await engine.post("/optimize_price", { course_id: "c1" })).json()) as { quote_id: string };
    const both = (await (await engine.post("/optimize_price", { course_id: "c1", course_features: { category: "design", base_price: 9 } })).json()) as { quote_id: string };
    expect(both.quote_id).toBe(plain.quote_id);
  });

  test("forecasts hold every price point", async () => {
    const price_points = Array.from({ length: 100 }, (_, i) => 50 + i);
    const answer = predictAnswerSchema.strict().parse(await (await engine.post("/predict_enrollments", { course_id: "c1", price_points, horizon_days: 7 })).json());
    expect(answer.predictions.map((prediction) => prediction.price)).toEqual(price_points);
    expect(answer.horizon_days).toBe(7);
    expect(price_points).toContain(answer.best_price);
    const cold = predictAnswerSchema.parse(await (await engine.post("/predict_enrollments", { course_features: { category: "design", base_price: 50 }, price_points: [50] })).json());
    expect(cold.course_id).toBeNull();
  });

  test("the model in service is described", async () => {
    const info = modelInfoAnswerSchema.strict().parse(await (await engine.app.request("/model_info")).json());
    expect(info).toMatchObject({ version: "v1", champion: "log_linear", training_seconds: 1.5 });
    expect(info.candidates[0]).toMatchObject({ champion: true, feature_importance: { log_price_vs_reference: 1 } });
    expect(info.elasticity_coefficient.ci95[0]).toBeCloseTo(-1.796, 3);
  });

  test("health, liveness and readiness", async () => {
    const health = healthAnswerSchema.strict().parse(await (await engine.app.request("/health")).json());
    expect(health).toMatchObject({ status: "ok", model: "v1", broker: "connected", features: { available: true, sequence: engine.sequence, lag_events: 0 }, degraded: [] });
    const watermark = engine.store.watermark()!;
    expect(health.features.watermark).toEqual({ event_time: formatTime(watermark.event_time_ms), broker_time: formatTime(watermark.broker_time_ms) });
    expect((await engine.app.request("/livez")).status).toBe(200);
    expect(await (await engine.app.request("/readyz")).json()).toEqual({ status: "ready", model: "v1", degraded: [] });
    engine.health.drain();
    const response = await engine.app.request("/readyz");
    expect(response.status).toBe(503);
    expect((await problemOf(response)).code).toBe("draining");
    expect((await engine.post("/optimize_price", { course_id: "c1" })).status).toBe(200);
  });

  test("the landing page is HTML for people and JSON for programs", async () => {
    const page = await engine.app.request("/", { headers: { accept: "text/html,*/*" } });
    expect(page.headers.get("content-type")).toContain("text/html");
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    const html = await page.text();
    expect(html).toContain("curl -s http://localhost/optimize_price");
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
    const json = (await (await engine.app.request("/", { headers: { accept: "application/json" } })).json()) as { endpoints: { path: string }[] };
    expect(json.endpoints.map((endpoint) => endpoint.path)).toContain("/optimize_price");
  });

  test("metrics count what happened", async () => {
    await engine.post("/optimize_price", { course_id: "c1" });
    await engine.post("/optimize_price", { course_id: "c1" });
    await engine.post("/optimize_price", { course_id: "nobody" });
    await engine.app.request("/nowhere");
    await engine.flushed();
    const text = await (await engine.app.request("/metrics")).text();
    expect(text).toContain('tidemark_http_request_duration_seconds_count{method="POST",route="/optimize_price",status="200"} 2');
    expect(text).toContain('tidemark_http_request_duration_seconds_count{method="POST",route="/optimize_price",status="404"} 1');
    expect(text).toContain('tidemark_http_request_duration_seconds_count{method="any",route="unmatched",status="404"} 1');
    expect(text).toMatch(/tidemark_price_cache_hits_total 1\n/);
    expect(text).toMatch(/tidemark_decisions_recorded_total 1\n/);
    expect(text).toContain('tidemark_serving_info{model="v1",propensity_model="none",policy="default-1"} 1');
    for (const reason of ["broker_unreachable", "features_unavailable"]) expect(text).toContain(`tidemark_degraded{reason="${reason}"} 0`);
  });
});

const long = "x".repeat(BODY_BYTES_MAX + 1);
/** path, body, status, code, field */
const badBodies: readonly [string, unknown, number, string, string | undefined][] = [
  ["/optimize_price", {}, 422, "invalid_field", "course_id"],
  ["/optimize_price", [], 422, "invalid_field", "body"],
  ["/optimize_price", null, 422, "invalid_field", "body"],
  ["/optimize_price", "c1", 422, "invalid_field", "body"],
  ["/optimize_price", { course_id: 7 }, 422, "invalid_field", "course_id"],
  ["/optimize_price", { course_id: "" }, 422, "invalid_field", "course_id"],
  ["/optimize_price", { course_id: "a b" }, 422, "invalid_field", "course_id"],
  ["/optimize_price", { course_id: "c.>" }, 422, "invalid_field", "course_id"],
  ["/optimize_price", { course_id: "x".repeat(65) }, 422, "invalid_field", "course_id"],
  ["/optimize_price", { course_id: "c1", current_price: -1 }, 422, "invalid_field", "current_price"],
  ["/optimize_price", { course_id: "c1", current_price: 0 }, 422, "invalid_field", "current_price"],
  ["/optimize_price", { course_id: "c1", current_price: 1.5 }, 422, "invalid_field", "current_price"],
  ["/optimize_price", { course_id: "c1", current_price: "100" }, 422, "invalid_field", "current_price"],
  ["/optimize_price", { course_id: "c1", current_price: 1e12 }, 422, "invalid_field", "current_price"],
  ["/optimize_price", { course_id: "c1", current_price: null }, 422, "invalid_field", "current_price"],
  ["/optimize_price", { course_id: "c1", current_enrollments: -1 }, 422, "invalid_field", "current_enrollments"],
  ["/optimize_price", { course_id: "c1", objective: "glory" }, 422, "invalid_field", "objective"],
  ["/optimize_price", { course_id: "nobody" }, 404, "unknown_course", "course_id"],
  ["/optimize_price", { course_id: "__proto__" }, 404, "unknown_course", "course_id"],
  ["/optimize_price", { course_id: "constructor" }, 404, "unknown_course", "course_id"],
  ["/optimize_price", { course_features: { category: "programming" } }, 422, "invalid_field", "course_features.base_price"],
  ["/optimize_price", { course_features: { category: "programming", base_price: 0 } }, 422, "invalid_field", "course_features.base_price"],
  ["/optimize_price", { course_features: { category: "nothing", base_price: 10 } }, 422, "invalid_field", "course_features.category"],
  ["/optimize_price", { course_features: { category: "__proto__", base_price: 10 } }, 422, "invalid_field", "course_features.category"],
  ["/optimize_price", { course_features: { category: "programming", base_price: 10, quality_tier: "best" } }, 422, "invalid_field", "course_features.quality_tier"],
  ["/predict_enrollments", { course_id: "c1" }, 422, "invalid_field", "price_points"],
  ["/predict_enrollments", { course_id: "c1", price_points: [] }, 422, "invalid_field", "price_points"],
  ["/predict_enrollments", { course_id: "c1", price_points: new Array(101).fill(5) }, 422, "invalid_field", "price_points"],
  ["/predict_enrollments", { course_id: "c1", price_points: [10, 20, 30, -4] }, 422, "invalid_field", "price_points.3"],
  ["/predict_enrollments", { course_id: "c1", price_points: "10" }, 422, "invalid_field", "price_points"],
  ["/predict_enrollments", { course_id: "c1", price_points: [10], horizon_days: 0 }, 422, "invalid_field", "horizon_days"],
  ["/predict_enrollments", { course_id: "c1", price_points: [10], horizon_days: 366 }, 422, "invalid_field", "horizon_days"],
  ["/predict_enrollments", { course_id: "nobody", price_points: [10] }, 404, "unknown_course", "course_id"],
  ["/predict_enrollments", { course_features: { category: "nothing", base_price: 10 }, price_points: [10] }, 422, "invalid_field", "course_features.category"],
];

describe("bad requests", () => {
  test.each(badBodies)("%s %j → %i %s %s", async (path, body, status, code, field) => {
    const response = await engine.post(path, body);
    expect(response.status).toBe(status);
    const problem = await problemOf(response);
    expect(problem.code).toBe(code);
    expect(problem.field).toBe(field);
  });

  test("a bad price is told what a price may be", async () => {
    for (const current_price of [-3, 0, 1.5, 1e10, 1e300, "100"]) {
      const problem = await problemOf(await engine.post("/optimize_price", { course_id: "c1", current_price }));
      expect(problem.detail, String(current_price)).toBe("current_price: must be a whole number of tokens from 1 to 1000000000");
    }
  });

  const request = (init: RequestInit & { duplex?: "half" }, path = "/optimize_price"): Promise<Response> => Promise.resolve(engine.app.request(path, { method: "POST", ...init }));
  const json = { "content-type": "application/json" };

  test.each(["", "{", '{"course_id":"c1"', '{"course_id":"c1"}}', "{'course_id':1}", '{"current_price":NaN}', "\u0000", "undefined"])("body %j is not JSON", async (body) => {
    const problem = await problemOf(await request({ body, headers: { ...json, "content-length": String(Buffer.byteLength(body)) } }));
    expect(problem).toMatchObject({ status: 400, code: "invalid_json" });
  });

  test("other content types are refused, JSON with parameters is not", async () => {
    const body = '{"course_id":"c1"}';
    for (const type of ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      expect(await problemOf(await request({ body, headers: { "content-type": type } }))).toMatchObject({ status: 415, code: "unsupported_media_type", field: "content-type" });
    }
    expect((await problemOf(await request({ body: new Uint8Array([123, 125]) }))).status).toBe(415);
    for (const type of ["application/json; charset=utf-8", "Application/JSON", " application/json ;x=y"]) {
      expect((await request({ body, headers: { "content-type": type } })).status).toBe(200);
    }
  });

  test("a declared length over the cap is refused before anything is read", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++;
          controller.enqueue(new Uint8Array(1024));
        },
      },
      { highWaterMark: 0 },
    );
    const response = await request({ body, duplex: "half", headers: { ...json, "content-length": String(1024 * 1024) } });
    expect(await problemOf(response)).toMatchObject({ status: 413, code: "body_too_large" });
    expect(pulled).toBe(0);
    for (const length of ["abc", "-", "1e9"]) expect((await problemOf(await request({ body: "{}", headers: { ...json, "content-length": length } }))).status).toBe(413);
  });

  test("a body without a length is read up to the cap and no further", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(8 * 1024).fill(32));
      },
    });
    expect(await problemOf(await request({ body: endless, duplex: "half", headers: json }))).toMatchObject({ status: 413, code: "body_too_large" });
    expect(pulled).toBeLessThan(12);
    expect((await problemOf(await request({ body: long, headers: json }))).status).toBe(413);
    expect((await request({ body: `{"course_id":"c1"${" ".repeat(BODY_BYTES_MAX - 18)}}`, headers: json })).status).toBe(200);
  });

  test("prototype keys change nothing", async () => {
    const body = '{"__proto__":{"course_id":"c1"},"constructor":{"prototype":{"course_id":"c1"}}}';
    expect(await problemOf(await request({ body, headers: json }))).toMatchObject({ status: 422, field: "course_id" });
    expect(({} as { course_id?: string }).course_id).toBeUndefined();
  });

  test("deep nesting and duplicate keys are answered", async () => {
    const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
    expect((await problemOf(await request({ body: deep, headers: json }))).status).toBe(422);
    expect((await request({ body: `{"course_id":"c1","extra":${deep}}`, headers: json })).status).toBe(200);
    const last = (await (await request({ body: '{"course_id":"c1","course_id":"c2"}', headers: json })).json()) as { course_id: string };
    expect(last.course_id).toBe("c2");
  });

  test("unknown paths and methods", async () => {
    expect(await problemOf(await engine.app.request("/nowhere"))).toMatchObject({ status: 404, code: "not_found" });
    expect((await problemOf(await engine.app.request("/optimize_price/"))).status).toBe(404);
    expect((await problemOf(await engine.app.request("/..%2f..%2fetc/passwd"))).status).toBe(404);
    for (const method of ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
      const response = await engine.app.request("/optimize_price", { method });
      expect(response.headers.get("allow")).toBe("POST");
      expect(await problemOf(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
    }
    const response = await engine.app.request("/model_info", { method: "POST" });
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    expect((await engine.app.request("/health", { method: "HEAD" })).status).toBe(200);
  });
});

describe("missing parts", () => {
  test("no feature store: 503 with the reason, and prices come back with it", async () => {
    const { current } = engine.features;
    engine.features.current = undefined;
    engine.features.reason = "The feature store cannot be opened: it is not there.";
    for (const response of [await engine.post("/optimize_price", { course_id: "c1" }), await engine.post("/predict_enrollments", { course_id: "c1", price_points: [1] }), await engine.app.request("/readyz")]) {
      expect(response.headers.get("retry-after")).toBe("1");
      expect(await problemOf(response)).toMatchObject({ status: 503, code: "features_unavailable", detail: "The feature store cannot be opened: it is not there." });
    }
    const health = await engine.app.request("/health");
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({ status: "unavailable", features: { available: false } });
    engine.features.current = current;
    expect((await engine.post("/optimize_price", { course_id: "c1" })).status).toBe(200);
  });

  test("no model: priced from priors, marked", async () => {
    const bare = new TestEngine();
    bare.foldCatalogue();
    const answer = optimizeAnswerSchema.parse(await (await bare.post("/optimize_price", { course_id: "c1" })).json());
    expect(answer).toMatchObject({ model: "none", degraded: ["no_model"] });
    const forecast = predictAnswerSchema.parse(await (await bare.post("/predict_enrollments", { course_id: "c1", price_points: [90, 100] })).json());
    expect(forecast).toMatchObject({ model: "none", degraded: ["no_model"] });
    expect(await problemOf(await bare.app.request("/model_info"))).toMatchObject({ status: 404, code: "not_found" });
    expect((await bare.app.request("/readyz")).status).toBe(200);
  });

  test("an unexpected failure is a 500 without its cause", async () => {
    const { reader } = engine.features.current!;
    reader.courseSequence = () => {
      throw new Error("secret detail");
    };
    const response = await engine.post("/optimize_price", { course_id: "c1" });
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status: 500, code: "internal" });
    expect(JSON.stringify(problem)).not.toContain("secret");
  });
});
