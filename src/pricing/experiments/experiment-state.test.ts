import { describe, expect, test } from "vitest";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { experimentState, phaseOf } from "./experiment-state.ts";
import { conflicting, shadowing } from "./overlap.ts";
import { courseExperiment, EXPERIMENT_START_MS, experimentHistory, learnerExperiment, startedExperiment } from "./testing.ts";

const now = EXPERIMENT_START_MS;
const definition = learnerExperiment({});

describe("an experiment's state", () => {
  test("draft, running, stopped", () => {
    const history = experimentHistory("e", definition, { type: "experiment.started", at_ms: now }, { type: "experiment.stopped", at_ms: now + DAY_MS, verdict: "enough" });
    const phases = history.map((_, i) => phaseOf(experimentState(history.slice(0, i + 1))!, now + 2 * DAY_MS));
    expect(phases).toEqual(["draft", "running", "stopped"]);
    expect(experimentState(history)).toMatchObject({ experiment_id: "e", sequence: 3, from_ms: now, until_ms: now + DAY_MS, verdict: "enough" });
    expect(experimentState([])).toBeUndefined();
  });

  test("a schedule begins and ends it by itself", () => {
    const state = startedExperiment("e", learnerExperiment({ starts_at: formatTime(now + DAY_MS), ends_at: formatTime(now + 9 * DAY_MS) }));
    expect([0, 1, 8, 9].map((day) => phaseOf(state, now + day * DAY_MS))).toEqual(["scheduled", "running", "running", "ended"]);
  });

  test("a course-level one ends when its outcomes would", () => {
    const state = startedExperiment("e", courseExperiment({}));
    expect([83, 84].map((day) => phaseOf(state, now + day * DAY_MS))).toEqual(["running", "ended"]);
  });

  test("what cannot follow what was said before changes nothing", () => {
    const other = learnerExperiment({ salt: "another" });
    const history = experimentHistory(
      "e",
      definition,
      { type: "experiment.stopped", at_ms: now },
      { type: "experiment.arm_stopped", arm: "engine", at_ms: now },
      { type: "experiment.started", at_ms: now },
      { type: "experiment.defined", experiment: other },
      { type: "experiment.started", at_ms: now + DAY_MS },
      { type: "experiment.arm_stopped", arm: "engine", at_ms: now + DAY_MS },
      { type: "experiment.arm_stopped", arm: "engine", at_ms: now + 2 * DAY_MS },
      { type: "experiment.stopped", at_ms: now + 3 * DAY_MS },
      { type: "experiment.arm_stopped", arm: "list", at_ms: now + 4 * DAY_MS },
      { type: "experiment.stopped", at_ms: now + 5 * DAY_MS },
    );
    const state = experimentState(history)!;
    expect(state.experiment.salt).toBe("s1");
    expect([...state.stopped_arms]).toEqual([["engine", now + DAY_MS]]);
    expect([state.from_ms, state.until_ms]).toEqual([now, now + 3 * DAY_MS]);
    expect(experimentState(history.slice(3, 4))).toBeUndefined();
  });
});

describe("experiments that would set the same price", () => {
  const running = (over: object): ReturnType<typeof startedExperiment> => startedExperiment("running", learnerExperiment(over));
  const draft = (over: object): ReturnType<typeof startedExperiment> => experimentState(experimentHistory("new", learnerExperiment(over)))!;

  test.each<[string, object, object, boolean]>([
    ["both of everything", {}, {}, true],
    ["ranges of learners that meet", { traffic: { to: 0.6 } }, { traffic: { from: 0.5 } }, true],
    ["ranges of learners that touch", { traffic: { to: 0.5 } }, { traffic: { from: 0.5 } }, false],
    ["other categories", { categories: ["math"] }, { categories: ["art"] }, false],
    ["a category in common", { categories: ["math", "law"] }, { categories: ["law"] }, true],
    ["other courses", { courses: ["C1"] }, { courses: ["C2"] }, false],
    ["courses, and a category that they may be of tomorrow", { courses: ["C1"] }, { categories: ["math"] }, true],
    ["learners and courses, whatever the ranges", { traffic: { to: 0.5 } }, { unit: { kind: "course_cluster", period_days: 7 }, traffic: { from: 0.5 } }, true],
    ["courses and categories are divided otherwise", { unit: { kind: "course_cluster", cluster_by: "category", period_days: 7 }, traffic: { to: 0.5 } }, { unit: { kind: "course_cluster", period_days: 7 }, traffic: { from: 0.5 } }, true],
    ["one after the other", { starts_at: formatTime(now + 20 * DAY_MS) }, { ends_at: formatTime(now + 20 * DAY_MS) }, false],
    ["schedules that meet", { starts_at: formatTime(now + 20 * DAY_MS) }, { ends_at: formatTime(now + 21 * DAY_MS) }, true],
  ])("%s", (_, a, b, expected) => {
    expect(conflicting(draft(a), [running(b)], now).length > 0).toBe(expected);
    if ("starts_at" in a) return;
    expect(conflicting(draft(b), [running(a)], now).length > 0).toBe(expected);
  });

  test("drafts and ended ones are in nobody's way, nor is it in its own", () => {
    const ended = startedExperiment("x", learnerExperiment({ ends_at: formatTime(now) }), now - 30 * DAY_MS);
    expect(conflicting(draft({}), [experimentState(experimentHistory("d", definition))!, ended, startedExperiment("new", definition)], now)).toEqual([]);
  });

  test("of two started at once only the first by CONTROL assigns, and the other never does", () => {
    const started = (id: string, sequence: number, ...more: Parameters<typeof experimentHistory>[2][]): ReturnType<typeof startedExperiment> => {
      const history = experimentHistory(id, definition, { type: "experiment.started" }, ...more);
      return experimentState(history.map(({ message }, i) => ({ sequence: sequence + 10 * i, message })))!;
    };
    const [first, second] = [started("first", 1), started("second", 2)];
    expect(shadowing(second, [first, second])).toEqual([first]);
    expect(shadowing(first, [first, second])).toEqual([]);
    const over = started("first", 1, { type: "experiment.stopped", at_ms: now + DAY_MS });
    expect(shadowing(second, [over, second])).toEqual([over]);
    expect(shadowing(experimentState(experimentHistory("d", definition))!, [first])).toEqual([]);
  });
});
