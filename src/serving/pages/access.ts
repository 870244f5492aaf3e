import type { Context } from "hono";
import { ProblemError } from "../problem.ts";

/** Who looks at a page. A viewer who speaks for one teacher or one learner sees nobody else. */
export interface Viewer {
  /** Whether what belongs to the platform as a whole is shown: its portfolio, its prices, everybody's figures. */
  readonly platform: boolean;
  readonly teacher_id: string | undefined;
  readonly learner_id: string | undefined;
}

export type ViewerOf = (context: Context) => Viewer;

/** Without keys whoever reaches this machine's loopback address sees everything. */
export const everybody: ViewerOf = () => ({ platform: true, teacher_id: undefined, learner_id: undefined });

export type Subject = { readonly kind: "platform" } | { readonly kind: "teacher" | "learner"; readonly id: string };

export function maySee(viewer: Viewer, subject: Subject): boolean {
  if (viewer.platform) return true;
  if (subject.kind === "teacher") return viewer.teacher_id === subject.id;
  if (subject.kind === "learner") return viewer.learner_id === subject.id;
  return false;
}

/** Throws the same problem whether the subject exists or not: a refusal tells nothing of others. */
export function mustSee(viewer: Viewer, subject: Subject): void {
  if (!maySee(viewer, subject)) throw new ProblemError("not_found", "There is no such page for you.");
}
