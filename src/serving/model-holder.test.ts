import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../lib/log.ts";
import { encodeArtifact } from "../models/compiled.ts";
import { testArtifact, TestEngine } from "./testing.ts";

let cache_dir: string;
let engine: TestEngine;
let errors: string[];

beforeEach(async () => {
  cache_dir = await mkdtemp(join(tmpdir(), "tidemark-models-"));
  errors = [];
  engine = new TestEngine({ cache_dir, logger: { ...silentLogger, error: (_fields, message) => void errors.push(message) } });
});

afterEach(async () => {
  await rm(cache_dir, { recursive: true });
});

const version = (): string | undefined => engine.models.current?.model.version;

describe("ModelHolder", () => {
  test("follows the champion", async () => {
    await engine.models.check();
    expect(version()).toBeUndefined();
    engine.promote(testArtifact("v1"));
    await engine.models.check();
    const first = engine.models.current;
    await engine.models.check();
    expect(engine.models.current).toBe(first);
    engine.promote(testArtifact("v2"));
    await engine.models.check();
    expect(version()).toBe("v2");
    expect(engine.models).toMatchObject({ swaps: 2, failures: 0 });
  });

  test("keeps a copy, written whole, and starts from it without the broker", async () => {
    const digest = engine.promote(testArtifact("v1"));
    await engine.models.check();
    expect(await readdir(cache_dir)).toEqual([`${digest}.json`]);
    expect(await readFile(join(cache_dir, `${digest}.json`))).toEqual(Buffer.from(encodeArtifact(testArtifact("v1"))));
    const restarted = new TestEngine({ cache_dir });
    restarted.promote(testArtifact("v1"));
    restarted.broker.connected = false;
    await restarted.models.check();
    expect(restarted.models.current?.model.version).toBe("v1");
  });

  test("keeps the newest copies and no more", async () => {
    const digests: string[] = [];
    for (let run = 0; run < 11; run++) {
      digests.push(engine.promote(testArtifact(`v${run}`)));
      await engine.models.check();
      const written_s = 1_000_000 + run;
      await utimes(join(cache_dir, `${digests[run]}.json`), written_s, written_s);
    }
    expect((await readdir(cache_dir)).sort()).toEqual(digests.slice(-8).map((digest) => `${digest}.json`).sort());
    expect(errors).toEqual([]);
  });

  test("tells what the promotion says of the run, and tells anew when the same model is pinned", async () => {
    const { lineage, candidates, ...rest } = testArtifact("v1");
    const { run_id: _run, trained_at: _at, ...bare } = lineage;
    const { training_seconds: _seconds, ...candidate } = candidates[0]!;
    const artifact = { ...rest, lineage: bare, candidates: [candidate] };
    const info = (): unknown => JSON.parse(engine.models.current!.info);
    engine.promote(artifact, undefined, { run_id: "r7", trained_at: "2026-03-02T00:00:00Z", training_seconds: { log_linear: 2.5 } });
    await engine.models.check();
    expect(info()).toMatchObject({ run_id: "r7", trained_at: "2026-03-02T00:00:00Z", pinned: false, training_seconds: 2.5, candidates: [{ training_seconds: 2.5 }] });
    engine.promote(artifact, undefined, { pinned: true });
    await engine.models.check();
    expect(info()).toMatchObject({ run_id: null, trained_at: null, pinned: true, training_seconds: null, candidates: [{ training_seconds: null }] });
    expect(engine.models.swaps).toBe(1);
  });

  test("a process that starts while the promoted model is unusable serves the last that was served here", async () => {
    engine.promote(testArtifact("v1"));
    await engine.models.check();
    engine.promote(testArtifact("v2"));
    await engine.models.check();
    await writeFile(join(cache_dir, "0000.json.77"), "half");
    await writeFile(join(cache_dir, `${"ab".repeat(32)}.json`), "{}");
    const restarted = new TestEngine({ cache_dir });
    restarted.promote(testArtifact("v3"), new TextEncoder().encode("{}"));
    await restarted.models.check();
    expect(restarted.models.current?.model.version).toBe("v2");
    expect(restarted.models.failures).toBe(1);
    // And the promoted one as soon as it is whole.
    restarted.promote(testArtifact("v3"));
    restarted.clock.time_ms += 1_000;
    await restarted.models.check();
    expect(restarted.models.current?.model.version).toBe("v3");
  });

  test("replaces a damaged copy from the object store", async () => {
    const digest = engine.promote(testArtifact("v1"));
    await writeFile(join(cache_dir, `${digest}.json`), "{");
    await engine.models.check();
    expect(version()).toBe("v1");
    expect(await readFile(join(cache_dir, `${digest}.json`))).toEqual(Buffer.from(encodeArtifact(testArtifact("v1"))));
  });

  test("serves without a copy when it cannot write one", async () => {
    const readonly = new TestEngine({ cache_dir: "/dev/null/no-directory" });
    readonly.promote(testArtifact("v1"));
    await readonly.models.check();
    expect(readonly.models.current?.model.version).toBe("v1");
  });

  test.each([
    ["corrupt", (): void => void engine.promote(testArtifact("v2"), new TextEncoder().encode("{}"))],
    ["truncated", (): void => void engine.promote(testArtifact("v2"), encodeArtifact(testArtifact("v2")).slice(0, -10))],
    ["incompatible", (): void => void engine.promote({ ...testArtifact("v2"), feature_names: ["something_else"] })],
    [
      "missing",
      (): void => {
        engine.promote(testArtifact("v2"));
        engine.broker.objects.delete("elasticity/v2");
      },
    ],
    [
      "unreachable",
      (): void => {
        engine.promote(testArtifact("v2"));
        engine.broker.connected = false;
      },
    ],
  ])("a %s artifact leaves the model before in service; it is logged once, counted, and tried again with growing pauses", async (_name, promoteBad) => {
    engine.promote(testArtifact("v1"));
    await engine.models.check();
    promoteBad();
    await engine.models.check();
    expect(version()).toBe("v1");
    expect(engine.models.failures).toBe(1);
    const pauses: number[] = [];
    for (let waited_ms = 0; pauses.length < 8; waited_ms += 250) {
      engine.clock.time_ms += 250;
      const before = engine.models.failures;
      await engine.models.check();
      if (engine.models.failures > before) {
        pauses.push(waited_ms + 250);
        waited_ms = -250;
      }
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(errors.length).toBe(1);
    expect(version()).toBe("v1");
  });

  test("a bad promotion is forgotten when a good one follows", async () => {
    engine.promote(testArtifact("v2"), new Uint8Array([1]));
    await engine.models.check();
    expect(version()).toBeUndefined();
    engine.promote(testArtifact("v3"));
    await engine.models.check();
    expect(version()).toBe("v3");
  });
});
