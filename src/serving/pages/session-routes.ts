import { z } from "zod";
import { readBody } from "../body.ts";
import { jsonHeaders } from "../headers.ts";
import { endedSessionCookie, sessionCookie } from "../keys/session.ts";
import { ProblemError } from "../problem.ts";
import type { Route } from "../route.ts";
import type { Access } from "../route-table.ts";

const sessionBodySchema = z.object({ key: z.string().min(1).max(200) });
const sessionAnswerSchema = z.object({ status: z.enum(["open", "ended"]) });

/** Whether a request came encrypted, to here or to a proxy in front. */
function isEncrypted(url: string, forwarded: string | undefined): boolean {
  return url.startsWith("https:") || forwarded === "https";
}

/** POST /session puts a key that counts into a cookie; DELETE /session takes it away. */
export function registerSession(route: Route, access: Access): void {
  route(
    { method: "POST", path: "/session", role: "public", summary: "keeps a key in the browser's session, for pages", body: sessionBodySchema, answer: sessionAnswerSchema, refuses: [401], example: { body: { key: "tmk_0123456789abcdef_…" } } },
    async (context) => {
      const { key } = await readBody(context, sessionBodySchema);
      const visitor = access.visitor?.(key);
      if (visitor === undefined) throw new ProblemError("unauthorized", "This is no key that is in force.");
      const headers = visitor === "anyone" ? jsonHeaders : { ...jsonHeaders, "set-cookie": sessionCookie(key, isEncrypted(context.req.url, context.req.header("x-forwarded-proto"))) };
      return new Response(JSON.stringify({ status: "open" }), { headers });
    },
  );
  route(
    { method: "DELETE", path: "/session", role: "public", summary: "ends the browser's session", answer: sessionAnswerSchema },
    () => new Response(JSON.stringify({ status: "ended" }), { headers: { ...jsonHeaders, "set-cookie": endedSessionCookie() } }),
  );
}
