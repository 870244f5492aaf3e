import type { LearnerName, TensorBackend } from "../src/contracts/worker-protocol.ts";
import { errorMessage } from "../src/lib/errors.ts";
import { tensorBackends } from "../src/training/backend.ts";
import { runChild } from "./child.ts";
import type { BenchOptions, BenchResult, Metric } from "./report.ts";
import { median } from "./stats.ts";

const CHILD_MS = 600_000;

export interface BackendRun {
  readonly gpu: boolean;
  readonly gram_s: readonly number[];
  readonly gram: { readonly rows: number; readonly columns: number };
  readonly rows: number;
  readonly seconds: Readonly<Partial<Record<LearnerName, number>>>;
  /** Log rates of every row under every learner. */
  readonly rates: readonly number[];
}

const total = ({ seconds }: BackendRun): number => Object.values(seconds).reduce((sum, own) => sum + own, 0);

async function runBackend(backend: TensorBackend, quick: boolean): Promise<BackendRun | { readonly unavailable: string }> {
  try {
    return await runChild<BackendRun>("backend", [backend, quick ? "quick" : "full"], CHILD_MS);
  } catch (error) {
    return { unavailable: backend === "tensorflow" ? `native TensorFlow is not built (npm run native): ${errorMessage(error)}` : errorMessage(error) };
  }
}

/** The tensor backends side by side: XᵀX, and the learners that are mostly that. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const metrics: Record<string, Metric> = {};
  const notes: string[] = [];
  const runs: BackendRun[] = [];
  for (const backend of tensorBackends) {
    const result = await runBackend(backend, quick);
    const known = "unavailable" in result ? undefined : result;
    metrics[`${backend}_gram_s`] = known === undefined ? (result as { unavailable: string }) : median(known.gram_s);
    metrics[`${backend}_training_s`] = known === undefined ? (result as { unavailable: string }) : total(known);
    if (known === undefined) continue;
    runs.push(known);
    notes.push(`${backend}${known.gpu ? " on a GPU" : ""}: ${Object.entries(known.seconds).map(([learner, seconds]) => `${learner} ${seconds.toPrecision(3)} s`).join(", ")}`);
  }
  const [first] = runs;
  const differences = runs.slice(1).map(({ rates }) => rates.reduce((largest, rate, i) => Math.max(largest, Math.abs(rate - first!.rates[i]!)), 0));
  metrics["largest_difference"] = differences.length > 0 ? Math.max(...differences) : { unavailable: "one backend has nothing to differ from" };
  return {
    metrics,
    // Backends differ in the last bits, and so may machines.
    check: JSON.stringify(runs.at(-1)?.rates.map((rate) => rate.toFixed(4))),
    notes: [
      ...notes,
      `XᵀX of ${first?.gram.rows} × ${first?.gram.columns} in single precision, transfers included, median of ${first?.gram_s.length}; ${first?.rows} course-weeks; one worker thread each, fits one after another`,
      "largest_difference is that of any row's log rate under any learner, between the first backend and another",
    ],
  };
}
