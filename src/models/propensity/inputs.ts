import type { FeatureDefinition } from "../../features/definition.ts";
import { log } from "../../lib/exp-log.ts";
import { DAY_MS } from "../../lib/time.ts";
import { handScoreParts } from "./hand-scores.ts";
import { learnerPosition, learnerVector } from "./learner-vector.ts";

/** Counts and amounts of tokens, days and minutes span orders of magnitude: models see their logarithm. Shares, scores and stars are seen as they are. */
const logarithmic: ReadonlySet<FeatureDefinition["unit"]> = new Set(["count", "tokens", "days", "minutes"]);

/**
 * The learner features that models may see, by position in a learner's vector. Left out are the hand scores' parts, so that models and what they are compared with
 * share nothing but the data, and points in time, which mean another thing at every cut-off. Everything is what a learner did on the platform: the folds keep no
 * personal attribute, protected or not.
 */
const seen = learnerVector.flatMap(({ name, unit }, position) => (unit === "ms" || handScoreParts.has(name) ? [] : [{ name, position, logarithmic: logarithmic.has(unit) }]));

/** Days from registration to the latest activity: with the days since then, how long a learner has been there. */
const SPAN = "days_active_since_registration";

export const propensityInputNames: readonly string[] = [...seen.map(({ name, logarithmic: inLogs }) => (inLogs ? `log_${name}` : name)), `log_${SPAN}`];

/** The name of what an input is made of. */
export const inputFeature: ReadonlyMap<string, string> = new Map([...seen.map(({ name, logarithmic: inLogs }): [string, string] => [inLogs ? `log_${name}` : name, name]), [`log_${SPAN}`, SPAN]]);

const positions = Int32Array.from(seen, ({ position }) => position);
const inLogs = Uint8Array.from(seen, (input) => (input.logarithmic ? 1 : 0));
const REGISTERED = learnerPosition("registered_at_ms");
const LAST_ACTIVITY = learnerPosition("last_activity_ms");

/** sign(x)·log(1 + |x|): a balance may be below zero while what it was spent from is on its way. */
function signedLog(x: number): number {
  return x < 0 ? -log(1 - x) : log(1 + x);
}

/** 0 where either time is unknown. */
function spanDays(features: ArrayLike<number>): number {
  const registered_ms = features[REGISTERED]!;
  return registered_ms > 0 ? Math.max(0, features[LAST_ACTIVITY]! - registered_ms) / DAY_MS : 0;
}

/** Writes what models see of a learner's vector (learnerFeatureNames order) to row[offset …]; no allocation. */
export function fillPropensityRow(features: ArrayLike<number>, row: Float64Array, offset: number): void {
  const count = positions.length;
  for (let i = 0; i < count; i++) {
    const value = features[positions[i]!]!;
    row[offset + i] = inLogs[i] === 1 ? signedLog(value) : value;
  }
  row[offset + count] = signedLog(spanDays(features));
}

/** What an input is made of: the learner feature itself, in its own unit. */
export function rawInput(features: ArrayLike<number>, input: number): number {
  return input < positions.length ? features[positions[input]!]! : spanDays(features);
}
