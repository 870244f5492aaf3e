import { defineConfig } from "vitest/config";
import type { Reporter, TestModule } from "vitest/node";

/** One closing line that a person or a program reads at a glance. */
const closingLine: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) for (const test of module.children.allTests()) count[test.result().state]++;
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
  },
};

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "bench/**/*.test.ts"],
    setupFiles: ["src/lib/testing/fast-check.ts"],
    reporters: ["default", closingLine],
    // Real brokers and child processes share two cores: few files at once keeps them honest.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What is waited for comes at once on a machine with time, and later on a busy one.
    expect: { poll: { timeout: 15_000 } },
  },
});
