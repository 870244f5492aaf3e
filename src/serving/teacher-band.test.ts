import { expect, test } from "vitest";
import { eventSchemas } from "../contracts/events.ts";
import { teacherBandAnswerSchema } from "../contracts/teacher-band.ts";
import { TestEngine } from "./testing.ts";

async function put(engine: TestEngine, id: string, body: unknown): Promise<Response> {
  const text = JSON.stringify(body);
  return engine.app.request(`/teachers/${id}/band`, { method: "PUT", body: text, headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) } });
}

test("a band is an event of the teacher's, and recommendations keep to it", async () => {
  const engine = new TestEngine();
  engine.foldCatalogue();
  const answer = teacherBandAnswerSchema.strict().parse(await (await put(engine, "t1", { min_price: 97, max_price: 103 })).json());
  const sent = engine.broker.published.find(({ message_id }) => message_id === answer.event_id)!;
  expect(sent.subject).toBe("events.teacher.t1");
  const event = eventSchemas["teacher.upserted"].parse(JSON.parse(sent.text));
  expect(event).toMatchObject({ teacher_id: "t1", min_price: 97, max_price: 103 });
  engine.fold(event);
  engine.clock.time_ms += 61_000;
  const { optimal_price, price_range } = (await (await engine.post("/optimize_price", { course_id: "c1" })).json()) as { optimal_price: number; price_range: { min: number; max: number } };
  expect(optimal_price).toBeGreaterThanOrEqual(97);
  expect(optimal_price).toBeLessThanOrEqual(103);
  expect(price_range).toMatchObject({ min: 97, max: 103 });
});

test("what is no band says which field is at fault", async () => {
  const engine = new TestEngine();
  for (const [body, field] of [
    [{ min_price: 5, max_price: 4 }, "max_price"],
    [{ min_price: -1, max_price: 4 }, "min_price"],
    [{ min_price: 1.5, max_price: 4 }, "min_price"],
    [{ max_price: 4 }, "min_price"],
    [{ min_price: 1, max_price: "4" }, "max_price"],
  ] as const) {
    const response = await put(engine, "t1", body);
    expect([response.status, ((await response.json()) as { field: string }).field]).toEqual([422, field]);
  }
  expect((await put(engine, "t1", { min_price: 50, max_price: 0 })).status).toBe(200);
  expect((await put(engine, "%20", { min_price: 1, max_price: 2 })).status).toBe(422);
  engine.broker.connected = false;
  expect((await put(engine, "t1", { min_price: 1, max_price: 2 })).status).toBe(503);
});
