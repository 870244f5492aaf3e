import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { FitTask, LearningRows } from "../contracts/worker-protocol.ts";
import { Prng } from "../lib/prng.ts";
import { logLinearDefaults, fitLogLinear, plainGram } from "../models/log-linear.ts";
import { compilePredictor } from "../models/predictor.ts";
import { PRICE_COLUMNS } from "../models/elasticity-features.ts";
import { learningRows } from "./learning-rows.ts";
import { createTrainingPool, type TrainingPool } from "./pool.ts";
import { gpuInReach } from "./worker-threads.ts";

const opened: { close(): Promise<void> }[] = [];
const folders: string[] = [];

afterEach(async () => {
  for (const pool of opened.splice(0)) await pool.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function keep(pool: TrainingPool): TrainingPool {
  opened.push(pool);
  return pool;
}

/** A worker whose tasks misbehave as their seed says. */
function misbehaving(): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-pool-"));
  folders.push(folder);
  const file = join(folder, "worker.mjs");
  writeFileSync(
    file,
    `export async function handle(task) {
      if (task.kind === "probe") return { ok: true, value: { backend: "cpu", gpu: false, tried: [] } };
      if (task.seed === 1) process.exit(3);
      if (task.seed === 2) for (;;);
      if (task.seed === 3) return { ok: false, error: { code: "singular_design", message: "said so" } };
      if (task.seed === 4) { setTimeout(() => { throw new Error("thrown outside"); }); await new Promise(() => undefined); }
      if (task.seed === 5) await new Promise((resolve) => setTimeout(resolve, 300));
      return { ok: true, value: { seconds: task.seed } };
    }`,
  );
  return file;
}

const columns = 4;

function counts(rows: number): LearningRows {
  const random = new Prng("pool test");
  const shared = (length: number): Float64Array<SharedArrayBuffer> => new Float64Array(new SharedArrayBuffer(8 * length));
  const values = shared(rows * columns);
  const y = shared(rows);
  const exposure = shared(rows);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) values[row * columns + i] = random.normal();
    exposure[row] = 1 + random.integer(20);
    y[row] = random.poisson(exposure[row]! * Math.exp(-2 - 0.5 * values[row * columns]! + 0.3 * values[row * columns + 3]!));
  }
  return learningRows({ values: values.subarray(0, 0.8 * rows * columns), columns, y, exposure, train_rows: 0.6 * rows, rows: 0.8 * rows });
}

const task = (seed: number, learner: FitTask["learner"] = "log_linear"): FitTask => ({ kind: "fit", learner, data: counts(100), feature_names: ["a", "b", "c", "d"], seed });

test("fits both learners on the real worker, the linear one as plain arrays do", async () => {
  const pool = keep(await createTrainingPool({ threads: 2, deadline_ms: 30_000, backend: "wasm" }));
  const data = counts(4000);
  const both = await Promise.all((["log_linear", "boosting"] as const).map((learner) => pool.fit({ ...task(1, learner), data })));
  expect(both.map(({ backend }) => backend)).toEqual(["wasm", "typed-arrays"]);
  expect(both[0]!.model).toMatchObject({ kind: "log_linear" });
  expect(both[1]!.model).toMatchObject({ kind: "boosting" });
  expect(both[0]!.importance["a"]! + both[0]!.importance["d"]!).toBeGreaterThan(0.8);
  expect(both[1]!.importance["a"]! + both[1]!.importance["d"]!).toBeGreaterThan(0.5);
  const plain = fitLogLinear(data, { ...logLinearDefaults, decreasing_columns: PRICE_COLUMNS }, plainGram);
  const model = both[0]!.model;
  if (model.kind !== "log_linear") throw new Error("not linear");
  for (let i = 0; i < columns; i++) expect(model.coefficients[i]).toBeCloseTo(plain.coefficients[i]!, 6);
});

test("a fold predicts what it was not fitted to, as a fit of the same rows does", async () => {
  const pool = keep(await createTrainingPool({ threads: 1, deadline_ms: 30_000 }));
  const data = counts(2000);
  const values = new Float64Array(new SharedArrayBuffer(8 * 3 * columns));
  values.set([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
  const exposure = new Float64Array(new SharedArrayBuffer(8 * 3)).fill(10);
  const held_out = { features: { rows: 3, columns, values }, exposure };
  const [fold, fit] = [await pool.fold({ kind: "fold", learner: "boosting", data, held_out, seed: 1 }), await pool.fit({ ...task(1, "boosting"), data })];
  const predictor = compilePredictor(fit.model, columns);
  expect(Array.from(fold.means)).toEqual([0, 1, 2].map((row) => 10 * Math.exp(predictor.logRate(values, row * columns))));
  expect(fold.means[0]).toBeLessThan(fold.means[2]!);
});

test("the plain CPU backend can be forced, and the worker finds no tensor left after any fit on it", async () => {
  const pool = keep(await createTrainingPool({ threads: 1, deadline_ms: 30_000, backend: "cpu" }));
  expect(pool.backend).toEqual({ backend: "cpu", gpu: false, tried: [] });
  for (const learner of ["log_linear", "gam"] as const) expect((await pool.fit(task(1, learner))).backend).toBe("cpu");
});

test("a worker that dies fails its task, and the pool goes on", async () => {
  const pool = keep(await createTrainingPool({ threads: 2, deadline_ms: 10_000, worker: misbehaving() }));
  await expect(pool.fit(task(1))).rejects.toMatchObject({ code: "training_worker_died" });
  expect((await pool.fit(task(7))).seconds).toBe(7);
  await expect(pool.fit(task(4))).rejects.toMatchObject({ code: "training_worker_died", message: expect.stringContaining("thrown outside") });
  expect((await pool.fit(task(8))).seconds).toBe(8);
});

test("a task that overruns its deadline is stopped, and the pool goes on", async () => {
  const pool = keep(await createTrainingPool({ threads: 1, deadline_ms: 600, worker: misbehaving() }));
  await expect(pool.fit(task(2))).rejects.toMatchObject({ code: "training_deadline" });
  expect((await pool.fit(task(9))).seconds).toBe(9);
});

test("a cancelled task stops at once", async () => {
  const pool = keep(await createTrainingPool({ threads: 1, deadline_ms: 10_000, worker: misbehaving() }));
  const abort = new AbortController();
  const running = pool.fit(task(2), abort.signal);
  abort.abort();
  await expect(running).rejects.toMatchObject({ code: "training_aborted" });
  await expect(pool.fit(task(6), abort.signal)).rejects.toMatchObject({ code: "training_aborted" });
  expect((await pool.fit(task(6))).seconds).toBe(6);
});

test("a task's own failure keeps its code", async () => {
  const pool = keep(await createTrainingPool({ threads: 1, deadline_ms: 10_000, worker: misbehaving() }));
  await expect(pool.fit(task(3))).rejects.toMatchObject({ code: "singular_design", message: "said so" });
  expect((await pool.fit(task(6))).seconds).toBe(6);
});

test("the queue is bounded", async () => {
  const pool = keep(await createTrainingPool({ threads: 1, deadline_ms: 10_000, queue_max: 2, worker: misbehaving() }));
  const settled = await Promise.allSettled([1, 2, 3, 4, 5].map(() => pool.fit(task(5))));
  const refused = settled.filter((result) => result.status === "rejected");
  expect(refused.map((result) => (result.reason as { code: string }).code)).toEqual(["training_queue_full", "training_queue_full"]);
});

test("a worker that cannot load stops the warm-up instead of hanging it", async () => {
  await expect(createTrainingPool({ threads: 2, deadline_ms: 5_000, worker: "/nowhere/worker.mjs" })).rejects.toMatchObject({ code: "training_pool_failed" });
});

test("a closed pool refuses", async () => {
  const pool = await createTrainingPool({ threads: 1, deadline_ms: 5_000, worker: misbehaving() });
  await pool.close();
  await expect(pool.fit(task(6))).rejects.toMatchObject({ code: "training_pool_failed" });
});

/** A worker that says in which thread it fits, and which threads have loaded tensors. */
function telling(backend: string): string {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-pool-"));
  folders.push(folder);
  const file = join(folder, "worker.mjs");
  writeFileSync(
    file,
    `import { threadId } from "node:worker_threads";
    let loaded = false;
    export async function handle(task) {
      if (task.kind === "probe" && !task.tensors) return { ok: true, value: null };
      if (task.kind === "probe") loaded = true;
      else await new Promise((resolve) => setTimeout(resolve, 30));
      return { ok: true, value: task.kind === "probe" ? { backend: "${backend}", gpu: true, tried: [] } : { thread: threadId, loaded } };
    }`,
  );
  return file;
}

interface Told {
  readonly thread: number;
  readonly loaded: boolean;
}

async function tell(pool: TrainingPool, learner: FitTask["learner"]): Promise<Told> {
  return (await pool.fit(task(1, learner))) as unknown as Told;
}

test("of a GPU's pool one thread alone loads the tensor library and fits what needs it; trees grow in the others", async () => {
  const pool = keep(await createTrainingPool({ threads: 2, deadline_ms: 10_000, gpu: true, worker: telling("tensorflow") }));
  expect(pool.backend).toEqual({ backend: "tensorflow", gpu: true, tried: [] });
  const tensors = await Promise.all((["gam", "log_linear", "polynomial_2", "polynomial_3"] as const).map((learner) => tell(pool, learner)));
  const trees = await Promise.all((["boosting", "random_forest"] as const).map((learner) => tell(pool, learner)));
  expect(new Set(tensors.map(({ thread }) => thread)).size).toBe(1);
  expect(tensors.every(({ loaded }) => loaded)).toBe(true);
  expect(trees.some(({ loaded }) => loaded)).toBe(false);
});

test("where the GPU is not used after all, every thread does everything", async () => {
  for (const options of [{ gpu: true, worker: telling("wasm") }, { gpu: true, backend: "wasm" as const, worker: telling("wasm") }, { gpu: false, worker: telling("tensorflow") }]) {
    const pool = keep(await createTrainingPool({ threads: 2, deadline_ms: 10_000, ...options }));
    const fits = await Promise.all([tell(pool, "gam"), tell(pool, "log_linear"), tell(pool, "boosting"), tell(pool, "polynomial_2")]);
    expect(new Set(fits.map(({ thread }) => thread)).size).toBe(2);
    expect(fits.every(({ loaded }) => loaded)).toBe(true);
  }
});

test("a GPU is in reach when there is a device that CUDA_VISIBLE_DEVICES does not hide", () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-devices-"));
  folders.push(folder);
  for (const name of ["null", "nvidiactl", "nvidia-uvm"]) writeFileSync(join(folder, name), "");
  expect(gpuInReach({}, folder)).toBe(false);
  expect(gpuInReach({}, join(folder, "nowhere"))).toBe(false);
  writeFileSync(join(folder, "nvidia0"), "");
  for (const visible of [undefined, "0", "0,1", "GPU-5ef2", " 1"]) expect(gpuInReach({ CUDA_VISIBLE_DEVICES: visible }, folder), visible).toBe(true);
  for (const hidden of ["", " ", "-1", " -1"]) expect(gpuInReach({ CUDA_VISIBLE_DEVICES: hidden }, folder), hidden).toBe(false);
});
