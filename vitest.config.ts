import { defineConfig } from "vitest/config";
import { BaseSequencer, type Reporter, type TestModule, type TestSpecification } from "vitest/node";

/** Of the lines of `src`, at least. */
const LINES_PERCENT_MIN = 80;

/** The part of a coverage map that is printed. */
interface Coverage {
  getCoverageSummary(): { readonly lines: { readonly covered: number; readonly total: number; readonly pct: number } };
}

let covered = "";

/** One closing line that a person or a program reads at a glance. */
const closingLine: Reporter = {
  onCoverage(coverage) {
    const { lines } = (coverage as Coverage).getCoverageSummary();
    covered = `; ${lines.pct} % of ${lines.total} lines of src covered, of at least ${LINES_PERCENT_MIN} %`;
  },
  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) for (const test of module.children.allTests()) count[test.result().state]++;
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped${covered}\n`);
  },
};

/** What takes minutes begins first, or one worker would wait for the other's at the end: benchmarks, then what needs brokers and browsers. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => (moduleId.endsWith("/bench/quick.nats.test.ts") ? 0 : /\.(nats|browser|native)\.test\.ts$/.test(moduleId) ? 1 : 2);
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "bench/**/*.test.ts"],
    setupFiles: ["src/lib/testing/fast-check.ts"],
    reporters: ["default", closingLine],
    // Real brokers and child processes share two cores: few files at once keeps them honest.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What is waited for comes at once on a machine with time, and later on a busy one.
    expect: { poll: { timeout: 15_000 } },
    // Counted in the tests' own processes: what a role or a command does in a process of its own, and what runs in a browser, is tested but not counted.
    coverage: {
      provider: "v8",
      include: ["src/**/*.{ts,tsx}"],
      exclude: ["src/**/*.test.ts", "src/**/*testing.ts", "src/**/testing/**"],
      reporter: [],
      thresholds: { lines: LINES_PERCENT_MIN },
    },
  },
});
