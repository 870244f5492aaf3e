import { parseArgs } from "node:util";
import { errorMessage } from "../src/lib/errors.ts";
import { type BenchOptions, type BenchResult, printResult } from "./report.ts";

const benches: Record<string, () => Promise<{ run(options: BenchOptions): Promise<BenchResult> }>> = {
  serve: () => import("./serve.ts"),
  ingest: () => import("./ingest.ts"),
  freshness: () => import("./freshness.ts"),
  scale: () => import("./scale.ts"),
  failover: () => import("./failover.ts"),
  train: () => import("./train.ts"),
  elasticity: () => import("./elasticity.ts"),
  pricing: () => import("./pricing.ts"),
  propensity: () => import("./propensity.ts"),
  backends: () => import("./backends.ts"),
};

const usage = `usage: npm run bench -- NAME [--quick]\n  NAME is one of: ${Object.keys(benches).join(", ")}`;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean", default: false } } });
  const name = positionals[0] ?? "";
  const load = benches[name];
  if (load === undefined || positionals.length !== 1) {
    console.error(usage);
    return 2;
  }
  const options: BenchOptions = { quick: values.quick, args: {} };
  const result = await (await load()).run(options);
  printResult(name, options, result);
  return result.failure === undefined ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(errorMessage(error));
  return 1;
});
