import type { Quantity } from "./chart.ts";

/** Figures as pages write them, on the server and in the browser alike: one locale, so that a page's bytes depend on its data alone. */
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const oneFixed = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const minute = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC" });

/** A minus that lines up with plus, and is read as one. */
const signs = (text: string): string => text.replace("-", "−");

export const formatWhole = (value: number): string => signs(whole.format(value));
/** Of small counts a decimal says something; of large ones it does not. */
export const formatCount = (value: number): string => signs((Math.abs(value) < 100 ? one : whole).format(value));
export const formatNumber = (value: number): string => signs(two.format(value));
export const formatCompact = (value: number): string => signs(Math.abs(value) < 10_000 ? whole.format(value) : compact.format(value));
export const formatShare = (share: number): string => `${signs(oneFixed.format(share * 100))} %`;
export const formatWholeShare = (share: number): string => `${signs(whole.format(share * 100))} %`;
/** Of a change in percent, with its sign. */
export const formatChange = (change_pct: number): string => `${change_pct > 0 ? "+" : ""}${signs(oneFixed.format(change_pct))} %`;
export const formatTokens = (tokens: number): string => `${formatCount(tokens)} ${tokens === 1 ? "token" : "tokens"}`;
/** A count with its noun: "1 rating", "2 ratings". */
export const formatCounted = (count: number, noun: string): string => `${formatWhole(count)} ${noun}${count === 1 ? "" : "s"}`;
export const formatDay = (time_ms: number): string => day.format(time_ms);
export const formatShortDay = (time_ms: number): string => shortDay.format(time_ms);
export const formatClock = (time_ms: number): string => clock.format(time_ms);
export const formatMinute = (time_ms: number): string => `${minute.format(time_ms)} UTC`;

/** On an axis or in a table's cell: without its unit, which stands in the heading. */
export function formatQuantity(value: number, quantity: Quantity): string {
  switch (quantity) {
    case "tokens":
    case "count":
      return Math.abs(value) >= 10_000 ? formatCompact(value) : formatCount(value);
    case "share":
      return formatShare(value);
    case "number":
      return formatNumber(value);
    case "date":
      return formatDay(value * 1_000);
    case "time":
      return formatClock(value * 1_000);
  }
}
