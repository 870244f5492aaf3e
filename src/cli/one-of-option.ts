import { TidemarkError } from "../lib/errors.ts";

/** One of the allowed values out of what stands on the command line; undefined where nothing does. Throws TidemarkError `bad_usage`. */
export function oneOf<Value extends string>(flag: string, value: unknown, allowed: readonly Value[]): Value | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new TidemarkError("bad_usage", `${flag} is ${JSON.stringify(value)}\n  allowed: one of ${allowed.join(", ")}`);
  return found;
}
