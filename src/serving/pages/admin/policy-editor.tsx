import { policySchema } from "../../../contracts/policy.ts";
import type { FieldGroup } from "../document-fields.ts";
import { documentFields } from "../document-form.tsx";
import type { Document } from "../json-path.ts";

/** What most policies say; the rest (bounds by category and course, costs by course, promotions, attributes of fairness) is written as text. */
const groups: readonly FieldGroup[] = [
  {
    title: "What it is for",
    fields: [
      { path: "description", label: "Description" },
      { path: "objective", label: "Objective" },
      { path: "revenue_floor_share", label: "Revenue to keep", unit: "share of today's", when: "objective=enrollments" },
      { path: "cost_per_enrollment.default", label: "Cost of an enrollment", unit: "tokens", when: "objective=margin" },
      { path: "scope.categories", label: "Categories; none and no course: everything" },
      { path: "scope.courses", label: "Courses" },
      { path: "schedule.from", label: "In force from (UTC)", kind: "time" },
      { path: "schedule.to", label: "In force until (UTC)", kind: "time" },
      { path: "horizon_days", label: "Horizon of the forecast", unit: "days" },
    ],
  },
  {
    title: "What a price may be",
    fields: [
      { path: "floor_tokens", label: "Floor", unit: "tokens" },
      { path: "ceiling_tokens", label: "Ceiling", unit: "tokens" },
      { path: "respect_teacher_band", label: "Within the teacher's band" },
      { path: "step_log_max", label: "Largest change", unit: "of log price" },
      { path: "cool_down_hours", label: "Pause between changes", unit: "hours" },
      { path: "hold_probability", label: "Hold above this probability of a loss" },
      { path: "hold_loss", label: "What counts as a loss", unit: "share of the objective" },
      { path: "rounding.kind", label: "Rounding", kind: "variant" },
      { path: "rounding.endings", label: "Endings", when: "rounding.kind=charm" },
      { path: "rounding.of", label: "Multiple of", unit: "tokens", when: "rounding.kind=multiple" },
    ],
  },
  {
    title: "How strategies weigh",
    fields: [
      { path: "weights.elasticity", label: "Demand" },
      { path: "weights.competitive", label: "Competitors" },
      { path: "weights.lifecycle", label: "Age of the course" },
      { path: "weights.time", label: "Time of day and week" },
      { path: "weights.bundle", label: "Bundles" },
      { path: "time.learned", label: "Learn hours and weekdays" },
    ],
  },
  {
    title: "Exploration",
    fields: [
      { path: "exploration.kind", label: "Random prices", kind: "variant" },
      { path: "exploration.sigma", label: "Width", unit: "of log price", when: "exploration.kind=jitter" },
      { path: "exploration.period_hours", label: "A draw holds for", unit: "hours" },
      { path: "exploration.seed", label: "Seed" },
    ],
  },
  {
    title: "Personal prices",
    fields: [
      { path: "personalisation.enabled", label: "Personal prices" },
      { path: "personalisation.max_discount", label: "Largest discount", unit: "share" },
      { path: "personalisation.lock_hours", label: "A price is locked for", unit: "hours" },
      { path: "personalisation.expiry_minutes", label: "A quote holds for", unit: "minutes" },
      { path: "personalisation.budget.period_hours", label: "Period of the budgets", unit: "hours" },
      { path: "personalisation.budget.global_tokens", label: "Budget of the platform", unit: "tokens" },
      { path: "personalisation.budget.learner_tokens", label: "Budget of a learner", unit: "tokens" },
      { path: "fairness.delta_log", label: "Difference between groups", unit: "of log price" },
    ],
  },
  {
    title: "What becomes of a recommendation",
    fields: [
      { path: "application.mode", label: "Application" },
      { path: "stale_after_ms", label: "Features are stale after", unit: "ms" },
    ],
  },
];

const PolicyFields = documentFields(policySchema, groups);

export interface PolicyEditorProps {
  readonly policy_id: string;
  readonly document: Document;
  readonly sequence: number;
}

/** A draft is refused once the policy has changed since its text was loaded: after every change the page is loaded anew, text and sequence together. */
export function PolicyEditor({ policy_id, document, sequence }: PolicyEditorProps) {
  return (
    <form class="stack card" data-form="PUT" action={`/policies/${policy_id}`} data-next={`/admin/policies/${policy_id}`} data-document data-check="/policies/validate" data-check-body={JSON.stringify({ policy_id })}>
      <div class="document">
        <PolicyFields document={document} />
        <label>
          <span>Rules, as JSON</span>
          <textarea name="policy" data-json rows={24} spellcheck={false} class="code" aria-describedby="document-error">
            {JSON.stringify(document, undefined, 2)}
          </textarea>
          <span class="field-error" id="document-error" data-error=""></span>
        </label>
      </div>
      <label>
        <span>Reason</span>
        <input type="text" name="reason" maxlength={1000} placeholder="what it is for" />
      </label>
      <div class="row">
        <button type="submit" class="button" data-body={JSON.stringify({ expected_sequence: sequence })} data-done="Drafted.">
          Save as a draft
        </button>
        <button type="submit" class="button quiet" formaction="/policies/validate" data-method="POST" data-stay data-body={JSON.stringify({ policy_id })}>
          Check
        </button>
      </div>
      <p class="told-form" role="status" data-told></p>
    </form>
  );
}
