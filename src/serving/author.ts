import type { Context } from "hono";

/** Who is behind a request, for what CONTROL records of it. Without keys everybody is local. */
export function authorOf(_context: Context): string {
  return "local";
}
