/**
 * Header sets that responses share. Frozen once: the server writes them as they are, so an answer costs no header
 * objects. `no-store`: a price is valid for the moment it is asked for.
 */
export const SAFE_HEADERS = {
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
} as const;

export const jsonHeaders = Object.freeze({ "content-type": "application/json", ...SAFE_HEADERS });
/** For answers with an ETag: kept by whoever asked, and asked about again before each use. */
export const revalidatedJsonHeaders = Object.freeze({ ...jsonHeaders, "cache-control": "private, no-cache" });
export const problemHeaders = Object.freeze({ "content-type": "application/problem+json", ...SAFE_HEADERS });
export const htmlHeaders = Object.freeze({
  "content-type": "text/html; charset=utf-8",
  ...SAFE_HEADERS,
  vary: "accept",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
});

/** Passed as it is to every `new Response` of a JSON answer. */
export const jsonInit: ResponseInit = Object.freeze({ status: 200, headers: jsonHeaders });
