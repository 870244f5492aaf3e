import { parseArgs } from "node:util";
import { must } from "../src/lib/assert.ts";
import { errorMessage } from "../src/lib/errors.ts";
import { startPlatform } from "./platform.ts";
import { type BenchOptions, type BenchResult, printResult } from "./report.ts";
import { SharedPlatforms } from "./shared-platform.ts";

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
  NAME is one of: ${Object.keys(benches).join(", ")}; with --quick also several, which share a platform
  serve --url URL [--key KEY] [--rate 1000] [--duration 60]   a load test of a platform that runs
  steady [--minutes 10]                                        memory and latency over time
  failover [--drill NAME]                                      one drill alone, such as leader-killed`;

/** Of single benchmarks. */
const texts = { url: { type: "string" }, key: { type: "string" }, rate: { type: "string" }, duration: { type: "string" }, minutes: { type: "string" }, drill: { type: "string" } } as const;

async function main(): Promise<number> {
  const { positionals: names, values } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean", default: false }, ...texts } });
  const { quick, ...args } = values;
  // What is measured for its figures has a platform that nothing was done with before.
  if (names.length === 0 || names.some((name) => benches[name] === undefined) || (names.length > 1 && !quick)) {
    console.error(usage);
    return 2;
  }
  const shared = new SharedPlatforms();
  let failed = false;
  try {
    for (const name of names) {
      const options: BenchOptions = { quick, args, platform: (how) => (names.length > 1 ? shared.start(how) : startPlatform(quick, how)) };
      const result = await (await must(benches[name], name)()).run(options);
      printResult(name, options, result);
      failed ||= result.failure !== undefined;
    }
  } finally {
    await shared.stop();
  }
  return failed ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(errorMessage(error));
  return 1;
});
