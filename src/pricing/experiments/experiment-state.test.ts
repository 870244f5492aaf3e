import { describe, expect, test } from "vitest";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { experimentState, phaseOf } from "./experiment-state.ts";
import { conflicting } from "./overlap.ts";
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
  const category = (course: string): string | undefined => ({ C1: "math", C2: "art" })[course];
  const running = (over: object): ReturnType<typeof startedExperiment> => startedExperiment("running", learnerExperiment(over));
  const clash = (candidate: object, other: ReturnType<typeof startedExperiment>): boolean => conflicting(startedExperiment("new", learnerExperiment(candidate)), [other], now, category).length > 0;

  test.each<[string, object, object, boolean]>([
    ["both of everything", {}, {}, true],
    ["ranges of learners that meet", { traffic: { to: 0.6 } }, { traffic: { from: 0.5 } }, true],
    ["ranges of learners that touch", { traffic: { to: 0.5 } }, { traffic: { from: 0.5 } }, false],
    ["other categories", { categories: ["math"] }, { categories: ["art"] }, false],
    ["a category in common", { categories: ["math", "law"] }, { categories: ["law"] }, true],
    ["other courses", { courses: ["C1"] }, { courses: ["C2"] }, false],
    ["a course of the category", { courses: ["C1"] }, { categories: ["math"] }, true],
    ["a course of another category", { courses: ["C2"] }, { categories: ["math"] }, false],
    ["a course that nobody knows", { courses: ["C9"] }, { categories: ["math"] }, true],
    ["learners and courses, whatever the ranges", { traffic: { to: 0.5 } }, { unit: { kind: "course_cluster", period_days: 7 }, traffic: { from: 0.5 } }, true],
    ["courses and categories are divided otherwise", { unit: { kind: "course_cluster", cluster_by: "category", period_days: 7 }, traffic: { to: 0.5 } }, { unit: { kind: "course_cluster", period_days: 7 }, traffic: { from: 0.5 } }, true],
  ])("%s", (_, a, b, expected) => {
    expect(clash(a, running(b))).toBe(expected);
    expect(clash(b, running(a))).toBe(expected);
  });

  test("drafts and ended ones are in nobody's way, nor is it in its own", () => {
    const draft = experimentState(experimentHistory("d", definition))!;
    const ended = startedExperiment("x", learnerExperiment({ ends_at: formatTime(now) }), now - 30 * DAY_MS);
    expect(conflicting(startedExperiment("new", definition), [draft, ended, startedExperiment("new", definition)], now, category)).toEqual([]);
    expect(conflicting(startedExperiment("new", definition), [startedExperiment("soon", learnerExperiment({ starts_at: formatTime(now + DAY_MS) }))], now, category)).toHaveLength(1);
  });
});
