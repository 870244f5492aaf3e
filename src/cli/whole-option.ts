import { TidemarkError } from "../lib/errors.ts";

/** A whole number from 1 to `max` out of what stands on the command line. Throws TidemarkError `bad_usage`. */
export function wholeOption(name: string, value: unknown, max: number): number {
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : 0;
  if (number < 1 || number > max) throw new TidemarkError("bad_usage", `${name} is ${JSON.stringify(value)}\n  allowed: whole number from 1 to ${max}`);
  return number;
}
