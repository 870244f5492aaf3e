/** What a role tells the supervisor that started it, over Node's process channel. */
export type RoleReport =
  | { readonly type: "progress"; readonly phase: string; readonly done: number; readonly total: number }
  /** A run of recurring work `of` some kind has ended, null: of every kind; `reason` says what came of it, or why nothing did. */
  | { readonly type: "outcome"; readonly of: string | null; readonly ok: boolean; readonly reason: string }
  | { readonly type: "ready"; readonly detail: Readonly<Record<string, string | number>> }
  | { readonly type: "failed"; readonly code: string; readonly message: string };

/** Sends a report when a supervisor listens; does nothing when the role runs on its own. */
export function report(message: RoleReport): void {
  if (process.connected) process.send?.(message);
}

export function isRoleReport(message: unknown): message is RoleReport {
  const type = (message as { type?: unknown } | null)?.type;
  return type === "progress" || type === "outcome" || type === "ready" || type === "failed";
}
