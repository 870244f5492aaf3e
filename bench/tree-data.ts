import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BinnedMatrix } from "../src/contracts/worker-protocol.ts";
import { Prng } from "../src/lib/prng.ts";
import { binMatrix } from "../src/models/binning.ts";

/** Rows [0, train_rows) train, as many again by a fifth test. */
export interface TreeData {
  readonly columns: number;
  readonly rows: number;
  readonly train_rows: number;
  /** The bins' numbers, which everybody who is compared fits on: row-major. */
  readonly values: Float64Array;
  readonly binned: BinnedMatrix;
  readonly y: Float64Array;
}

/** Counts (or, for the forest, a noisy real number) of a rate with interactions and a smooth part; most columns say nothing. */
export function makeTreeData(train_rows: number, columns: number, target: "counts" | "real"): TreeData {
  const rows = Math.ceil(1.2 * train_rows);
  const random = new Prng(`tree data ${target}`);
  const raw = Float64Array.from({ length: rows * columns }, () => random.normal());
  const y = Float64Array.from({ length: rows }, (_, row) => {
    const x = (column: number): number => raw[row * columns + column]!;
    const signal = 0.5 * x(0) - 0.35 * x(1) * x(2) + Math.sin(x(3)) + 0.2 * x(4);
    return target === "counts" ? random.poisson(Math.exp(signal)) : signal + 0.5 * random.normal();
  });
  const first = binMatrix(raw, rows, columns, train_rows);
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) values[row * columns + column] = first.bins[row * first.stride + column]!;
  return { columns, rows, train_rows, values, binned: binMatrix(values, rows, columns, train_rows), y };
}

/** Writes what the peer reads. */
export async function writeTreeData(data: TreeData, folder: string, settings: Readonly<Record<string, number>>): Promise<void> {
  await writeFile(join(folder, "settings.json"), JSON.stringify({ columns: data.columns, train_rows: data.train_rows, ...settings }));
  await writeFile(join(folder, "x.bin"), new Uint8Array(Float32Array.from(data.values).buffer));
  await writeFile(join(folder, "y.bin"), new Uint8Array(data.y.buffer));
}
