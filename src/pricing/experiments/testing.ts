import type { ExperimentMessage } from "../../contracts/control.ts";
import { type Experiment, experimentSchema } from "../../contracts/experiment.ts";
import { formatTime, parseTime } from "../../lib/time.ts";
import { type ExperimentState, experimentState } from "./experiment-state.ts";

export const EXPERIMENT_START_MS = parseTime("2026-03-02T00:00:00.000Z");

type Given = Partial<Parameters<typeof experimentSchema.parse>[0] & object>;

/** Engine against list price, half and half, unless said otherwise. */
export function learnerExperiment(over: Given): Experiment {
  return experimentSchema.parse({
    unit: { kind: "learner" },
    arms: [
      { name: "list", weight: 1, price: { kind: "list" } },
      { name: "engine", weight: 1, price: { kind: "active" } },
    ],
    control_arm: "list",
    salt: "s1",
    metric: "revenue",
    minimum_effect: 1,
    ...over,
  });
}

export function courseExperiment(over: Given): Experiment {
  return learnerExperiment({ unit: { kind: "course_cluster", cluster_by: "course", period_days: 7 }, ...over });
}

type Said = { readonly type: ExperimentMessage["type"]; readonly at_ms?: number; readonly [field: string]: unknown };

/** CONTROL's entries of an experiment: the definition, then what is said of it. */
export function experimentHistory(experiment_id: string, experiment: Experiment, ...said: readonly Said[]): { sequence: number; message: ExperimentMessage }[] {
  const all: Said[] = [{ type: "experiment.defined", experiment }, ...said];
  return all.map(({ at_ms = EXPERIMENT_START_MS, ...message }, i) => ({ sequence: i + 1, message: { time: formatTime(at_ms), author: "local", reason: "test", experiment_id, ...message } as ExperimentMessage }));
}

export function startedExperiment(experiment_id: string, experiment: Experiment, at_ms = EXPERIMENT_START_MS): ExperimentState {
  return experimentState(experimentHistory(experiment_id, experiment, { type: "experiment.started", at_ms }))!;
}
