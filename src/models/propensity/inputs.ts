import { learnerAttributes } from "../../contracts/learner-attributes.ts";
import type { FeatureDefinition } from "../../features/definition.ts";
import { log } from "../../lib/exp-log.ts";
import { DAY_MS } from "../../lib/time.ts";
import { handScoreParts } from "./hand-scores.ts";
import { learnerPosition, learnerVector } from "./learner-vector.ts";

/** Counts and amounts of tokens, days and minutes span orders of magnitude: models see their logarithm. Shares, scores and stars are seen as they are. */
const logarithmic: ReadonlySet<FeatureDefinition["unit"]> = new Set(["count", "tokens", "days", "minutes"]);

/** One input: a feature, its logarithm, or 1 where it has one of its codes. */
interface Input {
  readonly name: string;
  /** Of the feature in a learner's vector. */
  readonly position: number;
  readonly feature: string;
  readonly kind: 0 | 1 | 2;
  readonly code: number;
}
const AS_IS = 0;
const LOGARITHM = 1;
const INDICATOR = 2;

function inputsOf({ name, unit }: FeatureDefinition, position: number): Input[] {
  if (unit === "ms" || handScoreParts.has(name)) return [];
  const known = Object.entries(learnerAttributes).find(([attribute]) => attribute === name);
  if (known !== undefined) return known[1].map((value, i) => ({ name: `${name}_${value}`, position, feature: name, kind: INDICATOR, code: i + 1 }));
  return [logarithmic.has(unit) ? { name: `log_${name}`, position, feature: name, kind: LOGARITHM, code: 0 } : { name, position, feature: name, kind: AS_IS, code: 0 }];
}

/**
 * What models may see of a learner. Left out are the hand scores' parts, so that models and what they are compared with share nothing but the data,
 * and points in time, which mean another thing at every cut-off. All of it is what a learner did on the platform, and the few attributes that
 * learner-attributes.ts lists: none that is protected.
 */
const seen = learnerVector.flatMap(inputsOf);

/** Days from registration to the latest activity: with the days since then, how long a learner has been there. */
const SPAN = "days_active_since_registration";

export const propensityInputNames: readonly string[] = [...seen.map(({ name }) => name), `log_${SPAN}`];

/** By input: 0 = what learners said of themselves, 1 = what they did. */
export const propensityInputGroups: Int32Array = Int32Array.of(...seen.map(({ kind }) => (kind === INDICATOR ? 0 : 1)), 1);

/** The name of what an input is made of. */
export const inputFeature: ReadonlyMap<string, string> = new Map([...seen.map(({ name, feature }): [string, string] => [name, feature]), [`log_${SPAN}`, SPAN]]);

const positions = Int32Array.from(seen, ({ position }) => position);
const kinds = Uint8Array.from(seen, ({ kind }) => kind);
const codes = Float64Array.from(seen, ({ code }) => code);
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
    const kind = kinds[i]!;
    row[offset + i] = kind === AS_IS ? value : kind === LOGARITHM ? signedLog(value) : value === codes[i]! ? 1 : 0;
  }
  row[offset + count] = signedLog(spanDays(features));
}

/** What an input is made of: the learner feature itself, in its own unit. */
export function rawInput(features: ArrayLike<number>, input: number): number {
  return input < positions.length ? features[positions[input]!]! : spanDays(features);
}
