import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { TidemarkError } from "../src/lib/errors.ts";
import type { Platform, PlatformOptions } from "./platform.ts";

/** A figure, or the reason why it could not be taken. */
export type Metric = number | string | Unavailable | Figures | readonly Row[];
/** Several that belong together; null: a note says why it could not be taken. */
export type Figures = Readonly<Record<string, number | null>>;
/** The same of one of several things, and which it is. */
export type Row = Readonly<Record<string, number | string | null>>;
interface Unavailable {
  readonly unavailable: string;
}

export interface BenchOptions {
  readonly quick: boolean;
  /** A platform that serves; its size is that of the run. */
  readonly platform: (options: PlatformOptions) => Promise<Platform>;
  readonly args: Readonly<Record<string, string | undefined>>;
}

export interface BenchResult {
  readonly metrics: Readonly<Record<string, Metric>>;
  /** What the figures were computed from that must not vary between runs of the same code. */
  readonly check: string;
  /** One line each: conditions, and what the bench does not measure. */
  readonly notes: readonly string[];
  /** Why the run counts as failed, when it does. */
  readonly failure?: string;
}

function isTable(value: Metric | Row): value is readonly Row[] {
  return Array.isArray(value);
}

/** null: a child had no number to give. */
function isUnavailable(value: Metric | Row | null): value is Unavailable {
  return typeof value === "object" && value !== null && "unavailable" in value && typeof value.unavailable === "string";
}

function display(value: Metric | Row | null): string {
  if (value === null) return "not taken";
  if (isTable(value)) return value.map((row) => `\n    ${display(row)}`).join("");
  if (isUnavailable(value)) return `not taken: ${value.unavailable}`;
  if (typeof value === "object") return Object.entries(value).map(([key, cell]) => `${key} ${display(cell)}`).join(", ");
  if (typeof value === "string") return value;
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(4)));
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "unknown";
  }
}

/** A number above 0 that was given as text. Throws TidemarkError `bad_usage`. */
export function numberArg({ args }: BenchOptions, name: string, usual: number): number {
  const value = args[name] === undefined ? usual : Number(args[name]);
  if (value > 0) return value;
  throw new TidemarkError("bad_usage", `--${name} must be a number above 0, not ${args[name]}`);
}

/** Prints the table and, as the last line, the machine-readable object. */
export function printResult(name: string, options: BenchOptions, result: BenchResult): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown"}, Node ${process.versions.node}, commit ${commit()}`;
  const width = Math.max(...Object.keys(result.metrics).map((key) => key.length));
  console.log(`\n${name}${options.quick ? " (quick)" : ""} on ${machine}`);
  for (const [key, value] of Object.entries(result.metrics)) console.log(`  ${key.padEnd(width)}  ${display(value)}`);
  for (const note of result.notes) console.log(`  · ${note}`);
  console.log(`  result hash ${createHash("sha256").update(result.check).digest("hex").slice(0, 16)}`);
  if (result.failure !== undefined) console.log(`  FAILED: ${result.failure}`);

  const metrics: Record<string, Exclude<Metric, Unavailable> | null> = {};
  const reasons: Record<string, string> = {};
  for (const [key, value] of Object.entries(result.metrics)) {
    if (isUnavailable(value)) {
      metrics[key] = null;
      reasons[key] = value.unavailable;
    } else metrics[key] = value;
  }
  console.log(JSON.stringify({ bench: name, quick: options.quick, machine, metrics, ...(Object.keys(reasons).length > 0 ? { reasons } : {}) }));
}
