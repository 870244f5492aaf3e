import { hash } from "node:crypto";
import type { Context } from "hono";
import { revalidatedJsonHeaders } from "./headers.ts";

const DIGITS = 32;

/** The first 128 bits of SHA-256, hex. */
export function contentHash(text: string): string {
  return hash("sha256", text, "hex").slice(0, DIGITS);
}

/** Whether If-None-Match names the tag, by weak comparison (RFC 9110, 8.8.3.2). */
export function isKnown(header: string | undefined, tag: string): boolean {
  return header !== undefined && header.split(",").some((listed) => listed.trim() === "*" || listed.trim().replace(/^W\//, "") === tag);
}

/**
 * A JSON answer that a client may keep and ask about: 304 when it has it. `content` is what the answer says, which the weak tag is a hash of; `text` the
 * answer itself, which may say besides how old that is.
 */
export function validatedJson(context: Context, content: string, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  const tag = `"${contentHash(content)}"`;
  const all = { ...revalidatedJsonHeaders, ...headers, etag: `W/${tag}` };
  if (!isKnown(context.req.header("if-none-match"), tag)) return new Response(text, { headers: all });
  const { "content-type": _, ...kept } = all;
  return new Response(null, { status: 304, headers: kept });
}
