import type { BoundOwner, PriceTerms } from "../contracts/decision.ts";
import type { Bounds, PolicyDocument } from "../contracts/policy.ts";
import type { TeacherBand } from "../features/teacher-band.ts";

/** Ids come from outside: one of them may be the name of something that every object has. */
export function entryOf<Value>(table: Readonly<Record<string, Value>>, id: string | null): Value | undefined {
  return id !== null && Object.hasOwn(table, id) ? table[id] : undefined;
}

/** The strictest of a policy's own bounds for a course, and whose they are; low > high where they contradict each other. */
function policyBounds(policy: PolicyDocument, course_id: string | null, category: string): { low: number; low_by: BoundOwner; high: number; high_by: BoundOwner } {
  const found = { low: policy.floor_tokens, low_by: "policy" as BoundOwner, high: policy.ceiling_tokens, high_by: "policy" as BoundOwner };
  const narrow = (by: BoundOwner, { floor_tokens = 0, ceiling_tokens = Number.POSITIVE_INFINITY }: Bounds = {}): void => {
    if (floor_tokens > found.low) Object.assign(found, { low: floor_tokens, low_by: by });
    if (ceiling_tokens < found.high) Object.assign(found, { high: ceiling_tokens, high_by: by });
  };
  narrow("category", entryOf(policy.bounds.categories, category));
  narrow("course", entryOf(policy.bounds.courses, course_id));
  return found;
}

/** What an enrollment costs the platform. */
export function costOf(policy: PolicyDocument, course_id: string | null, category: string): number {
  const { courses, categories, default: other } = policy.cost_per_enrollment;
  return entryOf(courses, course_id) ?? entryOf(categories, category) ?? other;
}

/**
 * A course's terms, never empty: where the policy's own bounds contradict each other the ceiling wins, and the teacher's band narrows what they leave as
 * far as it can. A band that lies outside them leaves the bound next to it; of a band that contradicts itself the maximum counts.
 */
export function termsFor(policy: PolicyDocument, course_id: string | null, category: string, band: TeacherBand): PriceTerms {
  const bounds = policyBounds(policy, course_id, category);
  const { high_by, high } = bounds;
  const low = Math.min(bounds.low, high);
  const terms: PriceTerms = { floor_tokens: low, floor_by: bounds.low_by, ceiling_tokens: high, ceiling_by: high_by, cost_tokens: costOf(policy, course_id, category) };
  if (!policy.respect_teacher_band) return terms;
  const { min_price_tokens: least, max_price_tokens: most } = band;
  if (most > 0 && most < high) {
    terms.ceiling_tokens = Math.max(low, Math.floor(most));
    terms.ceiling_by = "teacher";
  }
  if (least > low) {
    terms.floor_tokens = Math.min(terms.ceiling_tokens, Math.ceil(least));
    terms.floor_by = "teacher";
  }
  return terms;
}
