import type { Context } from "hono";
import {
  changeExperimentBodySchema,
  defineExperimentBodySchema,
  experimentAnswerSchema,
  type ExperimentAnswer,
  experimentsAnswerSchema,
  type ExperimentsAnswer,
  experimentsQuerySchema,
  powerAnswerSchema,
  powerBodySchema,
  stopExperimentBodySchema,
  validateExperimentAnswerSchema,
  validateExperimentBodySchema,
} from "../../contracts/experiment-api.ts";
import { idSchema } from "../../contracts/fields.ts";
import { formatTime } from "../../lib/time.ts";
import { type ExperimentState, phaseOf } from "../../pricing/experiments/experiment-state.ts";
import { powerAnswer } from "../../pricing/experiments/power-answer.ts";
import { authorOf } from "../author.ts";
import { readBody, readQuery } from "../body.ts";
import type { ExperimentDesk } from "../experiments/experiment-desk.ts";
import { jsonInit } from "../headers.ts";
import { ProblemError } from "../problem.ts";
import type { Route } from "../route.ts";

const json = (value: object, status: 200 | 201 = 200): Response => new Response(JSON.stringify(value), status === 200 ? jsonInit : { ...jsonInit, status });

function askedId(context: Context): string {
  const id = idSchema.safeParse(context.req.param("id") ?? "");
  if (!id.success) throw new ProblemError("not_found", "An experiment's id is 1 to 64 characters of A-Z a-z 0-9 _ -.");
  return id.data;
}

function summaryOf(desk: ExperimentDesk, state: ExperimentState): ExperimentsAnswer["experiments"][number] {
  const { experiment_id, sequence, from_ms, until_ms, experiment } = state;
  return {
    experiment_id,
    phase: phaseOf(state, desk.now_ms()),
    sequence,
    from: from_ms === undefined ? null : formatTime(from_ms),
    until: Number.isFinite(until_ms) ? formatTime(until_ms) : null,
    conflicts_with: desk.conflicts(state).map((other) => other.experiment_id),
    experiment,
  };
}

async function answerOf(desk: ExperimentDesk, state: ExperimentState): Promise<ExperimentAnswer> {
  return {
    ...summaryOf(desk, state),
    stopped_arms: Object.fromEntries([...state.stopped_arms].map(([arm, at_ms]) => [arm, formatTime(at_ms)])),
    verdict: state.verdict ?? null,
    results: state.from_ms === undefined ? null : await desk.results(state),
  };
}

const example = {
  experiment_id: "engine-vs-list",
  reason: "does the engine earn more than list prices?",
  experiment: {
    unit: { kind: "learner" },
    arms: [
      { name: "list", weight: 1, price: { kind: "list" } },
      { name: "engine", weight: 1, price: { kind: "active" } },
    ],
    control_arm: "list",
    salt: "2026-03",
    metric: "revenue",
    minimum_effect: 2,
    guardrails: [{ metric: "refund_rate", worse_by_max: 0.02 }],
  },
};

/** Endpoints of experiments: definition, start and stop, results, and what a comparison takes. */
export function registerExperiments(route: Route, desk: ExperimentDesk): void {
  route(
    { method: "GET", path: "/experiments", role: "operate", summary: "experiments: what they compare, on whom, since when", query: experimentsQuerySchema, answer: experimentsAnswerSchema, example: { query: { phase: "running" } } },
    (context) => {
      const { phase, after, limit } = readQuery(context, experimentsQuerySchema);
      const now_ms = desk.now_ms();
      const following = desk.list().filter((state) => (after === undefined || state.experiment_id > after) && (phase === undefined || phaseOf(state, now_ms) === phase));
      const page = following.slice(0, limit).map((state) => summaryOf(desk, state));
      return json({ experiments: page, next: following.length > limit ? page.at(-1)!.experiment_id : null });
    },
  );
  route(
    { method: "POST", path: "/experiments", role: "operate", summary: "a new experiment, or another definition of a draft; it assigns nobody before its start", body: defineExperimentBodySchema, answer: { status: 201, schema: experimentAnswerSchema }, example: { body: example } },
    async (context) => {
      const { experiment_id, reason, experiment } = await readBody(context, defineExperimentBodySchema);
      return json(await answerOf(desk, await desk.define(experiment_id, experiment, { author: authorOf(context), reason })), 201);
    },
  );
  route(
    { method: "POST", path: "/experiments/validate", role: "operate", summary: "whether a definition may be kept as a draft, and if not, which fields are at fault", body: validateExperimentBodySchema, answer: validateExperimentAnswerSchema, example: { body: { experiment: example.experiment } } },
    async (context) => {
      desk.check((await readBody(context, validateExperimentBodySchema)).experiment);
      return json({ valid: true });
    },
  );
  route(
    {
      method: "POST",
      path: "/experiments/power",
      role: "price",
      summary: "units and days that a comparison takes, or the effect that days are enough for",
      body: powerBodySchema,
      answer: powerAnswerSchema,
      example: { body: { baseline: { conversion: 0.08, price_mean: 120, price_sd: 40 }, relative_effect: 0.1, units_per_day: 500 } },
    },
    async (context) => json(powerAnswer(await readBody(context, powerBodySchema))),
  );
  route(
    { method: "GET", path: "/experiments/:id", role: "operate", summary: "an experiment with its results: arms, always-valid comparisons, sample ratio, guardrails, verdict, business figures beside the hold-out's", answer: experimentAnswerSchema, example: { params: { id: "engine-vs-list" } } },
    async (context) => json(await answerOf(desk, desk.find(askedId(context)))),
  );
  route(
    { method: "POST", path: "/experiments/:id/start", role: "operate", summary: "assigns units from now on, or from starts_at", body: changeExperimentBodySchema, answer: experimentAnswerSchema, example: { params: { id: "engine-vs-list" }, body: { reason: "reviewed" } } },
    async (context) => {
      const { reason } = await readBody(context, changeExperimentBodySchema);
      return json(await answerOf(desk, await desk.start(askedId(context), { author: authorOf(context), reason })));
    },
  );
  route(
    { method: "POST", path: "/experiments/:id/stop", role: "operate", summary: "ends it for good and keeps the results of the moment", body: stopExperimentBodySchema, answer: experimentAnswerSchema, example: { params: { id: "engine-vs-list" }, body: { reason: "decided", verdict: "the engine earns more" } } },
    async (context) => {
      const { reason, verdict } = await readBody(context, stopExperimentBodySchema);
      return json(await answerOf(desk, await desk.stop(askedId(context), verdict, { author: authorOf(context), reason })));
    },
  );
}
