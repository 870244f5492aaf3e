import { z } from "zod";
import { TidemarkError } from "../lib/errors.ts";
import { HOUR_MS } from "../lib/time.ts";

const size = (max: number) => z.int().min(1).max(max);

/** Everything that a synthetic platform is a function of: the same config gives the same bytes. */
const platformConfigSchema = z.object({
  learners: size(10_000_000).default(10_000),
  courses: size(1_000_000).default(2_000),
  teachers: size(1_000_000).default(500),
  /** Enrollments over the history; the calibration hits this number closely. Who owns what is kept in one Set, which V8 ends at 2^24. */
  enrollments: size(10_000_000).default(50_000),
  weeks: size(520).default(52),
  seed: z.int().min(0).max(2 ** 32 - 1).default(1),
  /** Other learners, who do other things, on the same catalogue at the same prices and in the same weeks. 0: those of the seed. */
  population: z.int().min(0).max(2 ** 32 - 1).default(0),
  /** Where the history ends and live traffic begins. */
  end_ms: z.int().positive(),
  /** Enrollments per exposure over the history. */
  conversion: z.number().min(0.001).max(0.5).default(0.083),
  /** Weight ρ with which the price setter follows demand that the engine cannot see. 0: prices are exogenous. */
  chase: z.number().min(0).max(2).default(0.5),
  /** Standard deviation of the randomised, logged part of log price. 0: nothing identifies elasticity. */
  jitter_sigma: z.number().min(0).max(1).default(0.1),
  /** Multiplies every price response, that of the purse included. 0: demand ignores price. */
  elasticity_scale: z.number().min(0).max(5).default(1),
  /** `probit` and `linear` are curves that the engine's logit does not contain. */
  curve: z.enum(["logit", "probit", "linear"]).default("logit"),
  /** Multiplies the break in taste and price response at 60 % of the history. */
  drift: z.number().min(0).max(5).default(1),
  /** Share of client-side events (views, activity) that the platform learns of hours later. */
  late_share: z.number().min(0).max(0.5).default(0.02),
  /** Share of client-side events that are delivered twice. */
  duplicate_share: z.number().min(0).max(0.5).default(0),
});
export type PlatformConfig = z.infer<typeof platformConfigSchema>;
export type PlatformOptions = { readonly [Key in keyof PlatformConfig]?: PlatformConfig[Key] | undefined };

/** What names the random numbers of learners and of what they do; catalogue, prices and shocks follow `seed` alone. */
export function populationSeed({ seed, population }: PlatformConfig): string {
  return population === 0 ? `${seed}` : `${seed}.${population}`;
}

/** A config with the defaults filled in. Throws TidemarkError("invalid_platform") naming what is out of range. */
export function platformConfig(options: PlatformOptions & { readonly end_ms: number }): PlatformConfig {
  return parsePlatform(options);
}

/** The same for what was read from elsewhere. */
export function parsePlatform(options: unknown): PlatformConfig {
  const parsed = platformConfigSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TidemarkError("invalid_platform", `the simulated platform's ${issue?.path.join(".") ?? "config"}: ${issue?.message ?? "invalid"}`);
}

/** The end of a history generated now: the last full hour, so that nothing in it lies in the broker's future. */
export function defaultEnd(now_ms: number): number {
  return Math.floor(now_ms / HOUR_MS) * HOUR_MS;
}

/** The default platform with a fixed end: for benchmarks and tests, whose results are compared across days. */
export const defaultPlatform: PlatformConfig = platformConfig({ end_ms: Date.UTC(2026, 0, 1) });
