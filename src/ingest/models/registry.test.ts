import { describe, expect, test } from "vitest";
import type { Broker, BrokerMessage } from "../nats.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { silentLogger } from "../../lib/log.ts";
import { artifactDigest, compileArtifact } from "../../models/compiled.ts";
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

/** Objects and one subject of CONTROL, as the broker keeps them. */
class MemoryBroker {
  readonly objects = new Map<string, { bytes: Uint8Array; digest: string; stored: number }>();
  readonly control: BrokerMessage[] = [];
  /** What the store does to bytes on the way. */
  damage: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes;
  #stored = 0;

  putObject(_bucket: string, name: string, bytes: Uint8Array, { digest = "" }: { digest?: string } = {}): Promise<void> {
    this.objects.set(name, { bytes: this.damage(bytes), digest, stored: ++this.#stored });
    return Promise.resolve();
  }
  getObject(_bucket: string, name: string): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.objects.get(name)?.bytes);
  }
  listObjects(): Promise<object[]> {
    return Promise.resolve([...this.objects].map(([name, { bytes, digest, stored }]) => ({ name, bytes: bytes.length, stored_at: new Date(stored * 1_000).toISOString(), metadata: { digest } })));
  }
  deleteObject(_bucket: string, name: string): Promise<void> {
    this.objects.delete(name);
    return Promise.resolve();
  }
  getMessage(): Promise<BrokerMessage | undefined> {
    return Promise.resolve(this.control.at(-1));
  }
  publish(subject: string, data: Uint8Array, { expected_last_subject_sequence }: { expected_last_subject_sequence: number }): Promise<{ sequence: number }> {
    if (expected_last_subject_sequence !== (this.control.at(-1)?.sequence ?? 0)) return Promise.reject(new TidemarkError("wrong_last_sequence", "overtaken"));
    const sequence = this.control.length + 1;
    this.control.push({ subject, sequence, time_ms: 0, data });
    return Promise.resolve({ sequence });
  }
  consume(_stream: string, _options: object, onMessage: (message: BrokerMessage) => void): Promise<object> {
    for (const message of this.control) setImmediate(() => onMessage(message));
    return Promise.resolve({ closed: new Promise(() => undefined), stop: () => Promise.resolve() });
  }
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** Artifacts of this family are texts: a version, and what it predicts. */
function compileText(bytes: Uint8Array, digest: string): { version: string } {
  const [version, rest] = new TextDecoder().decode(bytes).split(":");
  if (artifactDigest(bytes) !== digest || rest === undefined) throw new TidemarkError("corrupt_artifact", "no artifact");
  return { version: version! };
}

function registry() {
  const broker = new MemoryBroker();
  return { broker, models: new ModelRegistry(broker as unknown as Broker, "texts", compileText) };
}

const note = { time: "2026-01-01T00:00:00Z", reason: "test" };

describe("the registry", () => {
  test("names what it has stored, and tells of it", async () => {
    const { models } = registry();
    expect(await models.promoted()).toBeUndefined();
    expect(await models.history()).toEqual([]);
    const one = await models.store(text("v1:a"));
    expect(await models.promote(one, { ...note, run_id: "r1" }, 0)).toMatchObject({ version: "v1", artifact: "texts/v1", digest: one.digest, sequence: 1 });
    expect(await models.promoted()).toMatchObject({ version: "v1", run_id: "r1" });
    expect(await models.champion(silentLogger)).toMatchObject({ sequence: 1, model: { version: "v1" } });
    await expect(models.promote(one, note, 0)).rejects.toMatchObject({ code: "wrong_last_sequence" });
    await expect(models.load("v2")).rejects.toMatchObject({ code: "unknown_model" });
  });

  test("does not hand out, and so never names, what the store did not keep as it was", async () => {
    const { broker, models } = registry();
    for (const damage of [(bytes: Uint8Array) => bytes.subarray(0, 3), () => text("v1:other"), () => new Uint8Array(0)]) {
      broker.damage = damage;
      await expect(models.store(text("v1:a"))).rejects.toMatchObject({ code: "corrupt_artifact" });
      broker.objects.clear();
    }
    await expect(models.store(text("no version"))).rejects.toMatchObject({ code: "corrupt_artifact" });
    expect(broker.control).toEqual([]);
  });

  test("keeps a version to its bytes, but mends what is damaged", async () => {
    const { broker, models } = registry();
    await models.promote(await models.store(text("v1:a")), note, 0);
    await expect(models.store(text("v1:b"))).rejects.toMatchObject({ code: "version_taken" });
    expect((await models.store(text("v1:a"))).version).toBe("v1");
    await broker.putObject("MODELS", "texts/v1", text("damaged"));
    // The name is still the champion's.
    await expect(models.store(text("v1:b"))).rejects.toMatchObject({ code: "version_taken" });
    await models.store(text("v1:a"));
    expect((await models.champion(silentLogger)).model?.version).toBe("v1");
    await broker.putObject("MODELS", "texts/v2", text("damaged"));
    expect((await models.store(text("v2:b"))).version).toBe("v2");
  });

  test("keeps the newest 50, and what the last 50 promotions name, of its own family alone", async () => {
    const { broker, models } = registry();
    await broker.putObject("MODELS", "others/v0", text("v0:x"));
    for (let i = 0; i < 60; i++) {
      const stored = await models.store(text(`v${i}:a`));
      if (i < 55) await models.promote(stored, note, i);
    }
    await models.prune();
    // Promotions 5 to 54 count, and artifacts 10 to 59.
    expect((await models.list()).map(({ version }) => version)).toEqual(Array.from({ length: 55 }, (_, i) => `v${59 - i}`));
    expect(broker.objects.has("others/v0")).toBe(true);
    expect(await models.history()).toHaveLength(50);
    for (const { version } of await models.history()) expect((await models.load(version)).version).toBe(version);
  });
});
