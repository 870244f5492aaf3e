import { expect, test } from "vitest";
import { personalisationAnswerSchema } from "../contracts/personalisation.ts";
import { TestEngine } from "./testing.ts";

const path = "/learners/L1/personalisation";

test("personal prices are allowed until somebody says otherwise, who is kept with the reason", async () => {
  const engine = new TestEngine();
  const before = personalisationAnswerSchema.parse(await (await engine.app.request(path)).json());
  expect(before).toEqual({ learner_id: "L1", allowed: true, author: null, time: null, reason: null, sequence: 0 });

  const response = await engine.post(path, { allowed: false, reason: "opted out" }, "PUT");
  expect(response.status).toBe(200);
  const after = personalisationAnswerSchema.parse(await response.json());
  expect(after).toEqual({ learner_id: "L1", allowed: false, author: "local", time: "2026-03-01T12:00:30.000Z", reason: "opted out", sequence: 1 });
  expect(await (await engine.app.request(path)).json()).toEqual(after);
  // What the next price reads.
  expect(engine.store.control("learner", "L1")?.message.allowed).toBe(false);
});

test("of two who decide on the same state one is refused, and one who does not say decides on what there is", async () => {
  const engine = new TestEngine();
  const put = async (allowed: boolean, expected_sequence?: number): Promise<number> => (await engine.post(path, { allowed, reason: "r", ...(expected_sequence === undefined ? {} : { expected_sequence }) }, "PUT")).status;
  expect(await Promise.all([put(false, 0), put(true, 0)])).toEqual([200, 409]);
  expect(await put(true, 0)).toBe(409);
  expect([await put(true), await put(false, 2)]).toEqual([200, 200]);
});

test("refuses what is no id and no decision, and says so while the broker is away", async () => {
  const engine = new TestEngine();
  const put = async (at: string, body: unknown): Promise<string> => ((await (await engine.post(at, body, "PUT")).json()) as { code: string }).code;
  for (const id of ["a.b", "L%00", "x".repeat(65), "%F0%9F%98%80"]) expect(await put(`/learners/${id}/personalisation`, { allowed: false, reason: "r" }), id).toBe("invalid_field");
  for (const body of [{}, { allowed: "no", reason: "r" }, { allowed: false }, { allowed: false, reason: "  " }, { allowed: false, reason: "x".repeat(1_001) }, { allowed: false, reason: "r", expected_sequence: -1 }, [], null]) {
    expect(await put(path, body), JSON.stringify(body)).toBe("invalid_field");
  }
  expect(engine.store.controlIds("learner")).toEqual([]);
  engine.broker.connected = false;
  expect(await put(path, { allowed: false, reason: "r" })).toBe("broker_unavailable");
});
