import { parseArgs } from "node:util";
import { errorMessage } from "../src/lib/errors.ts";
import { type BenchOptions, type BenchResult, printResult } from "./report.ts";

const benches: Record<string, () => Promise<{ run(options: BenchOptions): Promise<BenchResult> }>> = {
  serve: () => import("./serve.ts"),
  overload: () => import("./overload.ts"),
  steady: () => import("./steady.ts"),
  ingest: () => import("./ingest.ts"),
  freshness: () => import("./freshness.ts"),
  scale: () => import("./scale.ts"),
  failover: () => import("./failover.ts"),
  train: () => import("./train.ts"),
  elasticity: () => import("./elasticity.ts"),
  pricing: () => import("./pricing.ts"),
  propensity: () => import("./propensity.ts"),
  backends: () => import("./backends.ts"),
  pages: () => import("./pages.ts"),
  hostile: () => import("./hostile.ts"),
  experiments: () => import("./experiments.ts"),
};

const usage = `usage: npm run bench -- NAME [--quick]
  NAME is one of: ${Object.keys(benches).join(", ")}
  serve --url URL [--key KEY] [--rate 1000] [--duration 60]   a load test of a platform that runs
  steady [--minutes 10]                                        memory and latency over time
  failover [--drill NAME]                                      one drill alone, such as leader-killed`;

/** Of single benchmarks. */
const texts = { url: { type: "string" }, key: { type: "string" }, rate: { type: "string" }, duration: { type: "string" }, minutes: { type: "string" }, drill: { type: "string" } } as const;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean", default: false }, ...texts } });
  const name = positionals[0] ?? "";
  const load = benches[name];
  if (load === undefined || positionals.length !== 1) {
    console.error(usage);
    return 2;
  }
  const { quick, ...given } = values;
  const options: BenchOptions = { quick, args: given };
  const result = await (await load()).run(options);
  printResult(name, options, result);
  return result.failure === undefined ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(errorMessage(error));
  return 1;
});
