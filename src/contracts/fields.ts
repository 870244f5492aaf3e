import { z } from "zod";
import { parseTime } from "../lib/time.ts";

/** Every identifier that travels in a subject, a key or a URL. */
export const idSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 characters of A-Z a-z 0-9 _ -");

/** An amount or price in whole tokens. The ceiling keeps every sum of amounts exact in a double. */
export const TOKENS_MAX = 1_000_000_000;
export const tokensSchema = z.int().min(0).max(TOKENS_MAX);

/** RFC 3339, UTC only, such as 2026-01-31T12:00:00.000Z. */
export const timeSchema = z.string().refine((text) => !Number.isNaN(parseTime(text)), "must be RFC 3339 in UTC, such as 2026-01-31T12:00:00Z");

export const difficultySchema = z.enum(["beginner", "intermediate", "advanced", "expert"]);
export const qualityTierSchema = z.enum(["basic", "standard", "premium", "elite"]);

export type Difficulty = z.infer<typeof difficultySchema>;
export type QualityTier = z.infer<typeof qualityTierSchema>;
