import type { HonoRequest } from "hono";

const NAME = "tidemark_session";
const COOKIE = new RegExp(`(?:^|;\\s*)${NAME}=([A-Za-z0-9_-]{1,128})(?:;|$)`);

/**
 * The key that a browser keeps of a log-in, out of reach of scripts. It counts for reading anywhere, and for changing something only where the browser itself says
 * that one of this engine's own pages asks: a cookie is sent along whoever's page makes the request, and SameSite alone leaves out pages of sibling hosts.
 */
export function sessionKeyOf(req: HonoRequest): string | undefined {
  const key = COOKIE.exec(req.header("cookie") ?? "")?.[1];
  if (key === undefined || req.method === "GET" || req.method === "HEAD") return key;
  return req.header("sec-fetch-site") === "same-origin" ? key : undefined;
}

/** Until the browser is closed. `secure`: never sent unencrypted. */
export function sessionCookie(key: string, secure: boolean): string {
  return `${NAME}=${key}; Path=/; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
}

export function endedSessionCookie(): string {
  return `${NAME}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`;
}
