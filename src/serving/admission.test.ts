import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { problemSchema } from "../contracts/problem.ts";
import { Admission } from "./admission.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** How many of `requests` in one turn are admitted when each takes `each_ms`. */
async function admitted(requests: number, each_ms: number): Promise<number> {
  let now_ms = 0;
  const admission = new Admission(() => now_ms);
  let count = 0;
  for (let i = 0; i < requests; i++) {
    if (!admission.admits()) continue;
    count++;
    now_ms += each_ms;
  }
  await nextTurn();
  // The next turn begins with nothing behind it.
  expect(admission.admits()).toBe(true);
  return count;
}

test("a turn takes as many requests as it has time for, and a few at any speed", async () => {
  expect(await admitted(100, 5)).toBe(100);
  expect(await admitted(1_000, 0.001)).toBe(1_000);
  expect(await admitted(1_000, 0.01)).toBe(301);
  expect(await admitted(1_000, 1)).toBe(112);
});

test("refusals are written a few at a time, all of them, and at once when the server stops", async () => {
  const admission = new Admission();
  let written = 0;
  const server = createServer((_request, response) => {
    response.once("finish", () => written++);
    admission.refuse(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const ask = (): Promise<{ status: number | undefined; retry: string | undefined; body: string }> =>
    new Promise((resolve, reject) => {
      request({ port, host: "127.0.0.1", method: "POST", agent: false }, (answer) => {
        text(answer).then((body) => resolve({ status: answer.statusCode, retry: answer.headers["retry-after"], body }), reject);
      })
        .on("error", reject)
        .end("{}");
    });
  const answers = await Promise.all(Array.from({ length: 60 }, ask));
  for (const { status, retry, body } of answers) {
    expect([status, retry]).toEqual([503, "1"]);
    expect(problemSchema.parse(JSON.parse(body)).code).toBe("overloaded");
  }
  expect(admission).toMatchObject({ refused: 60, held: 0 });
  const last = ask();
  while (admission.held === 0) await nextTurn();
  admission.flush();
  expect((await last).status).toBe(503);
  expect(written).toBe(61);
  server.close();
});
