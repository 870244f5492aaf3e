import { expect, test } from "vitest";
import type { TensorBackend } from "../contracts/worker-protocol.ts";
import { Prng } from "../lib/prng.ts";
import { plainGram } from "../models/log-linear.ts";
import { loadTensors } from "./backend.ts";
import { tensorGram } from "./tensor-gram.ts";

test.each<TensorBackend>(["wasm", "cpu"])("on %s, blocks of rows add up to what plain loops give, and leave no tensor", async (backend) => {
  const { tf } = await loadTensors(backend);
  const random = new Prng("gram");
  const before = tf.memory().numTensors;
  for (const [rows, columns] of [[1, 1], [3, 5], [4_096, 4], [4_097, 7], [9_000, 13]] as const) {
    const x = Float64Array.from({ length: rows * columns }, () => random.normal());
    const w = Float64Array.from({ length: rows }, () => random.exponential(1));
    const expected = plainGram(x, rows, columns, w);
    const found = tensorGram(tf)(x, rows, columns, w);
    // Off the diagonal terms cancel: errors are to be small against what was added.
    const scale = Math.max(...expected.map(Math.abs));
    expect(found).toHaveLength(columns * columns);
    for (let i = 0; i < expected.length; i++) expect(Math.abs(found[i]! - expected[i]!)).toBeLessThan(2e-6 * scale);
  }
  expect(tf.memory().numTensors).toBe(before);
});
