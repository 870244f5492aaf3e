import { beforeEach, describe, expect, test } from "vitest";
import { type ModelChangedAnswer, modelChangedAnswerSchema, type ModelsAnswer, modelsAnswerSchema } from "../../contracts/model-api.ts";
import type { Problem } from "../../contracts/problem.ts";
import { propensityArtifact } from "../../models/propensity/testing.ts";
import { testArtifact, TestEngine } from "../testing.ts";
import { store } from "./testing.ts";

let engine: TestEngine;

const listed = async (family = "elasticity"): Promise<ModelsAnswer> => modelsAnswerSchema.parse(await (await engine.app.request(`/models/${family}`)).json());

async function changed(path: string, body: object): Promise<ModelChangedAnswer> {
  const response = await engine.post(path, { reason: "test", ...body });
  expect([response.status, response.status === 200 ? "" : await response.clone().text()]).toEqual([200, ""]);
  return modelChangedAnswerSchema.parse(await response.json());
}

async function refused(path: string, body: object): Promise<Problem & { readonly rule?: string }> {
  const response = await engine.post(path, { reason: "test", ...body });
  expect(response.status).toBeGreaterThanOrEqual(400);
  return (await response.json()) as Problem;
}

const serving = async (): Promise<string | undefined> => {
  await engine.models.check();
  return engine.models.current?.model.version;
};

beforeEach(async () => {
  engine = new TestEngine();
  engine.promote(testArtifact("v1"));
  engine.promote(testArtifact("v2"));
  await serving();
});

describe("models by hand", () => {
  test("are listed with what serves, what has, and what their runs said", async () => {
    store(engine, "v3", true);
    store(engine, "v4", false);
    store(engine, "v5", undefined);
    const { models, ...answer } = await listed();
    expect(answer).toMatchObject({ champion: "v2", pinned: false, rollback_to: "v1", promotions: [{ version: "v2", author: null }, { version: "v1" }] });
    expect(models.map(({ version, champion, has_served, judged, run_id }) => [version, champion, has_served, judged, run_id]).toSorted()).toEqual([
      ["v1", false, true, "not_judged", null],
      ["v2", true, true, "not_judged", null],
      ["v3", false, false, "passed", "r-v3"],
      ["v4", false, false, "refused", "r-v4"],
      ["v5", false, false, "not_judged", null],
    ]);
    expect((await listed()).runs.map(({ run_id, promoted, losses }) => [run_id, promoted, losses]).toSorted()).toEqual([["r-v3", true, { metric: "poisson_deviance", challenger: 0.9, champion: 0.95, naive: 1 }], ["r-v4", false, { metric: "poisson_deviance", challenger: 0.9, champion: 0.95, naive: 1 }]]);
    expect(await listed("propensity")).toMatchObject({ champion: null, sequence: 0, models: [], promotions: [] });
  });

  test("go back, forth and into their place, each with who and why, and serve at once", async () => {
    const back = await changed("/models/elasticity/rollback", { reason: "conversion fell", pinned: true });
    expect(back).toMatchObject({ family: "elasticity", version: "v1", author: "local", reason: "conversion fell", pinned: true });
    expect(await serving()).toBe("v1");
    expect(await listed()).toMatchObject({ champion: "v1", pinned: true, rollback_to: null, sequence: back.sequence });
    expect(await refused("/models/elasticity/rollback", {})).toMatchObject({ status: 409, code: "model_refused", rule: "nothing_to_roll_back" });
    expect(await changed("/models/elasticity/pin", { pinned: false })).toMatchObject({ version: "v1", pinned: false });
    store(engine, "v3", true);
    expect(await changed("/models/elasticity/promote", { version: "v3" })).toMatchObject({ version: "v3", run_id: "r-v3" });
    expect(await serving()).toBe("v3");
    expect((await listed()).promotions.map(({ version }) => version)).toEqual(["v3", "v1", "v1", "v2", "v1"]);
    engine.promote(propensityArtifact({ version: "p1" }));
    expect(await changed("/models/propensity/pin", { pinned: true })).toMatchObject({ family: "propensity", version: "p1", pinned: true });
    expect((await listed()).pinned).toBe(false);
  });

  test("that were refused or never judged need force", async () => {
    store(engine, "v4", false);
    store(engine, "v5", undefined);
    expect(await refused("/models/elasticity/promote", { version: "v4" })).toMatchObject({ code: "model_refused", rule: "not_judged", detail: expect.stringContaining("worse than the naive forecasts") });
    expect(await refused("/models/elasticity/promote", { version: "v5" })).toMatchObject({ code: "model_refused", rule: "not_judged" });
    expect(await serving()).toBe("v2");
    expect(await changed("/models/elasticity/promote", { version: "v4", force: true })).toMatchObject({ version: "v4" });
  });

  test("decided on what is no longer in force are refused, and the champion stays", async () => {
    const { sequence } = await listed();
    await changed("/models/elasticity/pin", { pinned: true, expected_sequence: sequence });
    for (const [path, body] of [["promote", { version: "v1" }], ["rollback", {}], ["pin", { pinned: false }], ["pin", { pinned: true }]] as const) {
      expect([path, await refused(`/models/elasticity/${path}`, { ...body, expected_sequence: sequence })]).toMatchObject([path, { status: 409, code: "conflict" }]);
    }
    expect(await serving()).toBe("v2");
  });

  test("that are unknown, damaged, or of a family that there is not", async () => {
    expect(await refused("/models/elasticity/promote", { version: "none" })).toMatchObject({ status: 404, code: "unknown_model", field: "version" });
    engine.broker.objects.set("elasticity/broken", new Uint8Array(40));
    expect(await refused("/models/elasticity/promote", { version: "broken", force: true })).toMatchObject({ code: "model_refused", rule: "corrupt_artifact" });
    expect(await refused("/models/demand/promote", { version: "v1" })).toMatchObject({ status: 422, field: "family" });
    expect(await refused("/models/elasticity/promote", { version: "v1", reason: " " })).toMatchObject({ status: 422, field: "reason" });
    expect(await serving()).toBe("v2");
  });

  test("cannot be changed without the broker", async () => {
    engine.broker.connected = false;
    expect(await refused("/models/elasticity/rollback", {})).toMatchObject({ status: 503, code: "broker_unavailable" });
    expect((await engine.app.request("/models/elasticity")).status).toBe(503);
  });
});
