import { HOUR_MS } from "../../lib/time.ts";

/** What a list price may become, and who may say so. */
export interface PriceLimits {
  /** The whole prices inside step, floor and ceiling. */
  readonly allowed: { readonly min: number; readonly max: number };
  /** Prices that need no approval; null: no such bound. */
  readonly band: { readonly min_price: number | null; readonly max_price: number | null } | undefined;
  readonly cool_down_ms: number;
}

export interface PriceMoment {
  readonly current: number;
  readonly last_change_ms: number | undefined;
  readonly now_ms: number;
}

export type PriceRule = "same_price" | "step" | "cool_down";

/** Why a list price may not become another at a time; undefined: it may. */
export function brokenRule(price: number, { allowed, cool_down_ms }: PriceLimits, { current, last_change_ms, now_ms }: PriceMoment): { readonly rule: PriceRule; readonly detail: string } | undefined {
  if (price === current) return { rule: "same_price", detail: `${price} tokens is the list price already` };
  if (price < allowed.min || price > allowed.max) return { rule: "step", detail: `from ${current} tokens the policy allows ${allowed.min} to ${allowed.max} now: its step, floor and ceiling` };
  const waited_ms = last_change_ms === undefined ? Number.POSITIVE_INFINITY : now_ms - last_change_ms;
  if (waited_ms < cool_down_ms) return { rule: "cool_down", detail: `the price has changed ${hours(Math.max(0, waited_ms))} ago, and the policy lets ${hours(cool_down_ms)} pass between changes` };
  return undefined;
}

/** Whether the teacher has left a price to others. */
export function isInBand(price: number, band: PriceLimits["band"]): boolean {
  return price >= (band?.min_price ?? 0) && price <= (band?.max_price ?? Number.POSITIVE_INFINITY);
}

function hours(ms: number): string {
  return `${Number((ms / HOUR_MS).toPrecision(2))} h`;
}
