import { describe, expect, test } from "vitest";
import type { Broker, BrokerMessage } from "../ingest/nats.ts";
import { TidemarkError } from "../lib/errors.ts";
import { silentLogger } from "../lib/log.ts";
import { compileArtifact } from "../models/compiled.ts";
import { ModelRegistry } from "./registry.ts";

const promotion = { type: "model.promoted", time: "2026-01-01T00:00:00Z", family: "elasticity", artifact: "elasticity/v1", digest: "ab".repeat(32), version: "v1", reason: "test" };

function load(text: string | undefined, getObject: () => Promise<Uint8Array | undefined>) {
  const warnings: unknown[] = [];
  const message: BrokerMessage | undefined = text === undefined ? undefined : { subject: "control.model.elasticity", sequence: 9, time_ms: 0, data: new TextEncoder().encode(text) };
  const broker: Pick<Broker, "getMessage" | "getObject"> = { getMessage: () => Promise.resolve(message), getObject };
  const loaded = new ModelRegistry(broker as Broker, "elasticity", compileArtifact).champion({ ...silentLogger, warn: (fields) => void warnings.push(fields) });
  return { loaded, warnings };
}

describe("the champion to beat", () => {
  test("is none at first", async () => {
    const { loaded, warnings } = load(undefined, () => Promise.reject(new Error("not asked")));
    expect(await loaded).toEqual({ sequence: 0, promotion: undefined, model: undefined });
    expect(warnings).toEqual([]);
  });

  test.each([
    ["gone", JSON.stringify(promotion), undefined],
    ["corrupt", JSON.stringify(promotion), new Uint8Array(3)],
    ["promoted by a message that is none", "{", undefined],
  ])("beats nobody when it is %s, and its promotion is still the one to decide against", async (_how, text, bytes) => {
    const { loaded, warnings } = load(text, () => Promise.resolve(bytes));
    expect(await loaded).toMatchObject({ sequence: 9, model: undefined });
    expect(warnings).toHaveLength(1);
  });

  test.each([["broker_unreachable"], ["broker_closed"]])("is not passed over because of %s", async (code) => {
    const { loaded } = load(JSON.stringify(promotion), () => Promise.reject(new TidemarkError(code, "away")));
    await expect(loaded).rejects.toMatchObject({ code });
  });
});
