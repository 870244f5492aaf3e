import type { Context } from "hono";
import type { Principal } from "./keys/key-ring.ts";
import { ProblemError } from "./problem.ts";

const PRINCIPAL = "principal";
const NAME_MAX = 80;

/** Written down by the check of the key, before the handler runs. */
export function setPrincipal(context: Context, principal: Principal): void {
  context.set(PRINCIPAL, principal);
}

/** Whose key a request came with; undefined: keys are not asked for. */
export function principalOf(context: Context): Principal | undefined {
  return context.get(PRINCIPAL) as Principal | undefined;
}

/** Who is behind a request, for what CONTROL records of it: the key's name and id. Without keys everybody is local. */
export function authorOf(context: Context): string {
  const principal = principalOf(context);
  return principal === undefined ? "local" : `${principal.name.slice(0, NAME_MAX)} (${principal.key_id})`;
}

/** For handlers that learn only from the body whom a request is about. Throws `forbidden` where the key speaks for somebody else. */
export function requireLearner(context: Context, learner_id: string): void {
  const principal = principalOf(context);
  if (principal === undefined || (principal.learner_id === undefined && principal.teacher_id === undefined)) return;
  if (principal.learner_id !== learner_id) throw new ProblemError("forbidden", "This key speaks for somebody else.", { field: "learner_id" });
}
