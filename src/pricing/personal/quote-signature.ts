import { createHmac, timingSafeEqual } from "node:crypto";
import type { QuoteTerms } from "../../contracts/quote.ts";

export interface QuoteKey {
  /** Names the key in every signature: `[A-Za-z0-9_-]{1,32}`. */
  readonly id: string;
  readonly secret: Uint8Array;
}

/** The first signs; all of them verify, so that a key may be replaced while quotes of the one before are still good. */
export type QuoteKeys = readonly [QuoteKey, ...QuoteKey[]];

/** What is signed. Ids hold no separator, so different terms have different texts. */
function termsText({ quote_id, learner_id, course_id, price, issued_ms, expires_ms, locked_ms }: QuoteTerms): string {
  return `tidemark-quote-1|${quote_id}|${learner_id}|${course_id}|${price}|${issued_ms}|${expires_ms}|${locked_ms}`;
}

function hmac(secret: Uint8Array, terms: QuoteTerms): Buffer {
  return createHmac("sha256", secret).update(termsText(terms)).digest();
}

/** `<key id>.<HMAC-SHA256 over the terms, base64url>`. */
export function signQuote(terms: QuoteTerms, [key]: QuoteKeys): string {
  return `${key.id}.${hmac(key.secret, terms).toString("base64url")}`;
}

/** Whether one of the keys signed exactly these terms. In constant time for a given key. */
export function verifyQuote(terms: QuoteTerms, signature: string, keys: readonly QuoteKey[]): boolean {
  const dot = signature.indexOf(".");
  const key = keys.find(({ id }) => id === signature.slice(0, dot));
  if (dot < 0 || key === undefined) return false;
  const given = Buffer.from(signature.slice(dot + 1), "base64url");
  const wanted = hmac(key.secret, terms);
  return given.length === wanted.length && timingSafeEqual(given, wanted) && given.toString("base64url") === signature.slice(dot + 1);
}
