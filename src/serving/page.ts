import type { Context } from "hono";
import type { DegradedReason } from "../contracts/api.ts";
import { contentHash, validatedJson } from "./etag.ts";
import type { PricingContext } from "./pricing-inputs.ts";

/** A list's part that is answered at once. */
export interface Page {
  /** The items' JSON, with commas between. */
  readonly items: string;
  readonly items_hash: string;
  /** Place to go on after; undefined on the last page. */
  readonly next: string | undefined;
}

/** Puts a page together in steps: of 500 courses, text and hash take half a millisecond each. */
export function* pageOf(list: readonly string[], next: string | undefined): Generator<void, Page> {
  yield;
  const items = list.join(",");
  yield;
  return { items, items_hash: contentHash(items), next };
}

/** What is wrong around everything on a page. */
export function pageDegraded({ models, degradation }: PricingContext): { degraded?: readonly DegradedReason[] } {
  const reasons: DegradedReason[] = [...(models.current === undefined ? (["no_model"] as const) : []), ...degradation.reasons];
  return reasons.length === 0 ? {} : { degraded: reasons };
}

/** What was asked for as it was asked: what is left out stays at its default on the next page, too. */
type Query = Readonly<Record<string, string | undefined>>;

/**
 * A page with its ETag, and the address of the next one in the body and as a link (RFC 8288). `rest` goes into body and tag, `apart` into the body alone:
 * what changes though the page does not.
 */
export function pageResponse(context: Context, list: string, { items, items_hash, next }: Page, query: Query, rest: object, apart: object = {}): Response {
  const address = next === undefined ? null : nextAddress(context.req.path, query, next);
  const around = JSON.stringify({ ...rest, next: address });
  const text = `{"${list}":[${items}],${JSON.stringify({ ...rest, ...apart, next: address }).slice(1)}`;
  return validatedJson(context, items_hash + around, text, address === null ? {} : { link: `<${address}>; rel="next"` });
}

function nextAddress(path: string, query: Query, after: string): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, after })) if (value !== undefined) parameters.set(name, value);
  return `${path}?${parameters.toString()}`;
}
