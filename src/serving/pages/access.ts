import type { Context } from "hono";
import { presentedKey } from "../keys/presented-key.ts";
import { ProblemError } from "../problem.ts";
import type { Access, Visitor } from "../route-table.ts";

/** What somebody who looks at pages may see. A viewer who speaks for one teacher or one learner sees nobody else. */
export interface Viewer {
  /** Whether a key was shown, where keys are asked for. */
  readonly known: boolean;
  /** Whether there is a session to end. */
  readonly keyed: boolean;
  /** Whether what belongs to the platform as a whole is shown: its portfolio, its prices, everybody's figures. */
  readonly platform: boolean;
  readonly teacher_id: string | undefined;
  readonly learner_id: string | undefined;
}

const nobody: Viewer = { known: false, keyed: false, platform: false, teacher_id: undefined, learner_id: undefined };
const anyone: Viewer = { ...nobody, known: true, platform: true };

/** Roles that see the platform's figures; the others ask for prices or send events, and look at no page unless they speak for somebody. */
const PLATFORM_ROLES: ReadonlySet<string> = new Set(["operate", "admin"]);

function viewer(visitor: Visitor): Viewer {
  if (visitor === undefined) return nobody;
  if (visitor === "anyone") return anyone;
  const { role, teacher_id, learner_id } = visitor;
  const bound = teacher_id !== undefined || learner_id !== undefined;
  return { known: true, keyed: true, platform: !bound && PLATFORM_ROLES.has(role), teacher_id, learner_id };
}

export function viewerOfKey(access: Access, key: string | undefined): Viewer {
  return viewer(access.visitor?.(key));
}

export function viewerOf(access: Access, context: Context): Viewer {
  return viewerOfKey(access, presentedKey(context));
}

/** Whose figures a page shows; `nobody`: none. */
export type Subject = { readonly kind: "platform" | "nobody" } | { readonly kind: "teacher" | "learner"; readonly id: string };

export function maySee({ platform, teacher_id, learner_id }: Viewer, subject: Subject): boolean {
  if (platform || subject.kind === "nobody") return true;
  if (subject.kind === "teacher") return teacher_id === subject.id;
  if (subject.kind === "learner") return learner_id === subject.id;
  return false;
}

/** Throws the same problem whether the subject exists or not: a refusal tells nothing of others. */
export function mustSee(viewer: Viewer, subject: Subject): void {
  if (!maySee(viewer, subject)) throw new ProblemError("forbidden", "Your key does not show this page.");
}
