import type { Policy, Promotion } from "../contracts/policy.ts";
import { parseTime } from "../lib/time.ts";
import { specificity } from "./policy-scope.ts";

interface Timed {
  readonly promotion: Promotion;
  readonly from_ms: number;
  readonly to_ms: number;
}

/** Times of a policy's promotions, read once: a policy is one frozen object for as long as it is in force. */
const timed = new WeakMap<Policy, readonly Timed[]>();

function promotionsOf(policy: Policy): readonly Timed[] {
  const known = timed.get(policy);
  if (known !== undefined) return known;
  const list = policy.time.promotions.map((promotion) => ({ promotion, from_ms: parseTime(promotion.from), to_ms: parseTime(promotion.to) }));
  timed.set(policy, list);
  return list;
}

/** The promotion that runs for a course: of several the most specific one. */
export function promotionAt(policy: Policy, course_id: string | null, category: string, now_ms: number): Promotion | undefined {
  if (policy.time.promotions.length === 0) return undefined;
  let found: Promotion | undefined;
  let most = -1;
  for (const { promotion, from_ms, to_ms } of promotionsOf(policy)) {
    if (now_ms < from_ms || now_ms >= to_ms) continue;
    const level = specificity(promotion, course_id, category);
    if (level <= most) continue;
    most = level;
    found = promotion;
  }
  return found;
}
