import { PassThrough } from "node:stream";
import { expect, test, vi } from "vitest";
import { ManualClock } from "../lib/clock.ts";
import { createProgress, PlainProgress } from "./progress.ts";

function plain(): { progress: PlainProgress; clock: ManualClock; text: () => string } {
  const written: string[] = [];
  const clock = new ManualClock(0);
  return { progress: new PlainProgress({ write: (text) => written.push(text) }, clock), clock, text: () => written.join("") };
}

test("a short phase is one line with a tick and its seconds", () => {
  const { progress, clock, text } = plain();
  const phase = progress.phase("broker");
  clock.advance(1_340);
  phase.update("published", 5, 10);
  phase.done("nats-server 2.9");
  expect(text()).toBe("✓ broker     nats-server 2.9 (1.3 s)\n");
});

test("a long phase tells every few seconds, with every counter, and no more often", () => {
  const { progress, clock, text } = plain();
  const phase = progress.phase("history");
  for (let second = 1; second <= 12; second++) {
    clock.advance(1_000);
    phase.update("published", second * 1_000, 12_000);
    phase.update("folded", second * 500, 12_000);
  }
  phase.done("done");
  expect(text().split("\n")).toEqual([
    "  history    published 5,000 of 12,000 (41 %), folded 2,000 of 12,000 (16 %)",
    "  history    published 10,000 of 12,000 (83 %), folded 4,500 of 12,000 (37 %)",
    "✓ history    done (12.0 s)",
    "",
  ]);
});

test("a counter with nothing to count, and one that passes its estimate, stay sensible", () => {
  const { progress, clock, text } = plain();
  const phase = progress.phase("x");
  clock.advance(5_000);
  phase.update("folded", 0, 0);
  clock.advance(5_000);
  phase.update("folded", 12, 10);
  expect(text()).toBe("  x          folded 0\n  x          folded 12 of 12 (100 %)\n");
});

test("what a phase waits for is told as rarely, and a failure is marked", () => {
  const { progress, clock, text } = plain();
  const phase = progress.phase("price");
  phase.note("a");
  clock.advance(5_000);
  phase.note("b");
  phase.note("c");
  phase.failed("interrupted");
  expect(text()).toBe("  price      b\n✗ price      interrupted\n");
});

test("a phase that has ended is silent, whoever still reports to it", () => {
  const { progress, clock, text } = plain();
  const phase = progress.phase("x");
  phase.done("done");
  clock.advance(60_000);
  phase.update("folded", 1, 2);
  phase.note("late");
  expect(text()).toBe("✓ x          done (0.0 s)\n");
});

test("a terminal gets bars that end in the same line", async () => {
  const terminal = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: true, columns: 100, rows: 20, cursorTo: () => true, moveCursor: () => true, clearLine: () => true, clearScreenDown: () => true });
  const clock = new ManualClock(0);
  const progress = createProgress(terminal, clock);
  const phase = progress.phase("history");
  phase.update("published", 5, 10);
  phase.update("folded", 4, 10);
  let text = "";
  terminal.on("data", (chunk: string) => {
    text += chunk;
  });
  await vi.waitFor(() => expect(text).toMatch(/published.*50 %\s+5 of 10/));
  clock.advance(2_000);
  phase.done("10 events");
  await vi.waitFor(() => expect(text).toContain("✓ history    10 events (2.0 s)\n"));
});
