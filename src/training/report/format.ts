import { DAY_MS, HOUR_MS, MINUTE_MS, parseTime, SECOND_MS } from "../../lib/time.ts";

/** What stands where there is no figure. */
export const NONE = "–";

const significant = (digits: number): Intl.NumberFormat => new Intl.NumberFormat("en-GB", { maximumSignificantDigits: digits });
const formats = [1, 2, 3, 4, 5, 6].map(significant);
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

const MINUS = "\u2212";
const signed = (text: string): string => text.replaceAll("-", MINUS);

/** A figure of any size in so many significant digits, whole numbers in all of theirs. */
export function figure(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-4 || size >= 1e9) return signed(value.toExponential(Math.min(2, digits - 1)).replace("e+", "e"));
  return signed(size >= 10 ** digits || Number.isInteger(value) ? whole.format(value) : formats[digits - 1]!.format(value));
}

/** With so many decimals, for columns whose figures are compared. */
export function fixed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (Math.abs(value) >= 1e6) return figure(value);
  const text = value.toFixed(decimals);
  return signed(Number(text) === 0 ? text.replace("-", "") : text);
}

export function percent(share: number | null | undefined, decimals = 1): string {
  return share === null || share === undefined || !Number.isFinite(share) ? NONE : `${fixed(100 * share, decimals)}\u00A0%`;
}

/** For axes of shares: decimals only where they tell ticks apart. */
export function percentTick(share: number): string {
  return percent(share, share !== 0 && Math.abs(share) < 0.1 ? 1 : 0);
}

/** For axes: 12K, 3.4M. */
export function short(value: number): string {
  const size = Math.abs(value);
  return size >= 1e4 && size < 1e15 ? signed(compact.format(value)) : figure(value);
}

export function duration(seconds: number): string {
  const ms = seconds * SECOND_MS;
  if (!Number.isFinite(ms)) return NONE;
  if (ms < 100) return `${figure(Math.max(0, ms), 2)}\u00A0ms`;
  if (ms < MINUTE_MS) return `${fixed(seconds, 1)}\u00A0s`;
  const minutes = Math.floor(ms / MINUTE_MS);
  if (ms < HOUR_MS) return `${minutes}\u00A0min ${Math.floor(seconds % 60)}\u00A0s`;
  return `${Math.floor(ms / HOUR_MS)}\u00A0h ${minutes % 60}\u00A0min`;
}

/** 2026-01-31 12:00:05 UTC; what is no time stays as it is. */
export function moment(time: string): string {
  const time_ms = parseTime(time);
  return Number.isNaN(time_ms) ? time : `${new Date(time_ms).toISOString().slice(0, 19).replace("T", " ")}\u00A0UTC`;
}

export function day(time: string): string {
  const time_ms = parseTime(time);
  return Number.isNaN(time_ms) ? time : new Date(time_ms).toISOString().slice(0, 10);
}

/** Seconds from one time to another; NaN when one of them is none. */
export function secondsBetween(from: string, to: string): number {
  return (parseTime(to) - parseTime(from)) / SECOND_MS;
}

export function daysBetween(from: string, to: string): number {
  return (parseTime(to) - parseTime(from)) / DAY_MS;
}

/** "1 check", "2 checks". */
export function counted(count: number, noun: string): string {
  return `${figure(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function bytes(count: number): string {
  return count < 1e4 ? `${whole.format(count)}\u00A0bytes` : `${figure(count / 1e3)}\u00A0kB`;
}
