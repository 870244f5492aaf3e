import { experimentSchema } from "../../../contracts/experiment.ts";
import type { FieldGroup } from "../document-fields.ts";
import { documentFields } from "../document-form.tsx";
import type { PlatformTrend } from "../platform-trend.ts";

const groups: readonly FieldGroup[] = [
  {
    title: "What is compared",
    fields: [
      {
        path: "arms",
        label: "Arms, and what each pays by",
        rows: 8,
        fields: [
          { path: "name", label: "Name" },
          { path: "weight", label: "Weight" },
          { path: "price.kind", label: "Prices", kind: "variant" },
          { path: "price.policy_id", label: "Policy", when: "price.kind=policy" },
          { path: "price.revision", label: "Revision", when: "price.kind=policy" },
        ],
      },
      { path: "control_arm", label: "Control arm" },
      { path: "holdout_share", label: "Hold-out at list price", unit: "share" },
      { path: "metric", label: "Metric" },
      { path: "minimum_effect", label: "Smallest effect that matters", unit: "in the metric's unit" },
    ],
  },
  {
    title: "On whom, and how long",
    fields: [
      { path: "unit.kind", label: "Unit", kind: "variant" },
      { path: "unit.cluster_by", label: "Clusters", when: "unit.kind=course_cluster" },
      { path: "unit.period_days", label: "Period", unit: "days", when: "unit.kind=course_cluster" },
      { path: "unit.washout_days", label: "Washout", unit: "days", when: "unit.kind=course_cluster" },
      { path: "categories", label: "Categories; none: all" },
      { path: "courses", label: "Courses; none: all" },
      { path: "traffic.from", label: "Traffic from", unit: "share" },
      { path: "traffic.to", label: "Traffic to", unit: "share" },
      { path: "starts_at", label: "Starts (UTC); none: at the start", kind: "time" },
      { path: "ends_at", label: "Ends (UTC)", kind: "time" },
    ],
  },
  {
    title: "When it may be believed",
    fields: [
      { path: "outcome_days", label: "An outcome is final after", unit: "days" },
      { path: "minimum_days", label: "No verdict before", unit: "days" },
      { path: "alpha", label: "Level over all arms" },
      { path: "cuped", label: "Take off what was known before (CUPED)" },
      { path: "salt", label: "Salt of the assignment" },
      {
        path: "guardrails",
        label: "Guardrails, which stop an arm",
        rows: 4,
        fields: [
          { path: "metric", label: "Metric" },
          { path: "worse_by_max", label: "Worse by at most" },
        ],
      },
    ],
  },
];

const ExperimentFields = documentFields(experimentSchema, groups);

/** To begin with: half of the learners pay list prices. */
const template = {
  unit: { kind: "learner" },
  arms: [
    { name: "list", weight: 1, price: { kind: "list" } },
    { name: "engine", weight: 1, price: { kind: "active" } },
  ],
  control_arm: "list",
  holdout_share: 0.05,
  salt: "first",
  metric: "revenue",
  minimum_effect: 2,
  guardrails: [{ metric: "refund_rate", worse_by_max: 0.02 }],
};

/** A definition by fields or as text, and what it takes while it is written. */
export function ExperimentEditor({ trend }: { readonly trend: PlatformTrend | undefined }) {
  return (
    <form class="stack card" data-form="POST" action="/experiments" data-done="Defined: it stands above as a draft." data-document data-check="/experiments/validate">
      <div class="row">
        <label>
          <span>Id</span>
          <input type="text" name="experiment_id" required pattern="[A-Za-z0-9_\-]{1,64}" placeholder="engine-vs-list" />
        </label>
        <label>
          <span>Reason</span>
          <input type="text" name="reason" maxlength={1000} placeholder="what it is to find out" />
        </label>
      </div>
      <div class="document">
        <ExperimentFields document={template} />
        <label>
          <span>Definition, as JSON</span>
          <textarea name="experiment" data-json rows={24} spellcheck={false} class="code" aria-describedby="document-error">
            {JSON.stringify(template, undefined, 2)}
          </textarea>
          <span class="field-error" id="document-error" data-error=""></span>
        </label>
      </div>
      <Power trend={trend} />
      <div class="row">
        <button type="submit" class="button">
          Define
        </button>
      </div>
      <p class="told-form" role="status" data-told></p>
    </form>
  );
}

const DAYS = 30;

/** What a learner's outcome looks like on this platform, roughly: whoever plans corrects it. */
function baselineOf(trend: PlatformTrend | undefined): { readonly conversion_pct: number; readonly price: number; readonly price_sd: number; readonly a_day: number } {
  const total = (values: readonly number[] = []): number => values.slice(-DAYS - 1, -1).reduce((sum, value) => sum + value, 0);
  const enrollments = total(trend?.figures.enrollments);
  const active = Math.max(1, trend?.figures.actives_30d.at(-2) ?? 0);
  const price = enrollments === 0 ? 100 : Math.max(1, Math.round(total(trend?.figures.revenue_tokens) / enrollments));
  return { conversion_pct: enrollments === 0 ? 10 : Math.min(90, Math.max(0.1, Math.round((1_000 * enrollments) / active) / 10)), price, price_sd: Math.max(1, Math.round(price * 0.4)), a_day: Math.max(1, Math.round(active / DAYS)) };
}

function Power({ trend }: { readonly trend: PlatformTrend | undefined }) {
  const { conversion_pct, price, price_sd, a_day } = baselineOf(trend);
  const figures = [
    { name: "conversion", label: "Units that buy", unit: "%", value: conversion_pct, step: "any" },
    { name: "price_mean", label: "Mean price", unit: "tokens", value: price, step: 1 },
    { name: "price_sd", label: "Spread of prices", unit: "tokens, standard deviation", value: price_sd, step: 1 },
    { name: "units_per_day", label: "New units a day", unit: "", value: a_day, step: 1 },
  ];
  return (
    <section class="power" data-power aria-label="What it takes">
      <strong>What it takes</strong>
      <div class="field-grid">
        {figures.map(({ name, label, unit, value, step }) => (
          <div class="field">
            <label for={`power-${name}`}>
              {label}
              {unit !== "" && <span class="unit">, {unit}</span>}
            </label>
            <input id={`power-${name}`} type="number" min="0" step={step} value={value} data-power-figure={name} />
          </div>
        ))}
      </div>
      <p role="status" data-power-out>
        …
      </p>
      <p class="muted">{trend === undefined ? "Figures to begin with: correct them." : "Figures to begin with are those of the last 30 days, the spread a guess: correct them."}</p>
    </section>
  );
}
