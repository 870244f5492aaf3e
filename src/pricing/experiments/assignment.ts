import { type ArmPrice, type Experiment, HOLDOUT_ARM } from "../../contracts/experiment.ts";
import { assert } from "../../lib/assert.ts";
import { HASH_WORDS, hashText } from "../../lib/hash128.ts";
import { DAY_MS } from "../../lib/time.ts";

export interface Arm {
  readonly name: string;
  readonly price: ArmPrice;
  /** That a unit has of this arm. */
  readonly probability: number;
}

/** The declared arms by weight, and the hold-out that `holdout_share` makes. */
export function armsOf({ arms, holdout_share }: Pick<Experiment, "arms" | "holdout_share">): readonly Arm[] {
  const weight = arms.reduce((sum, arm) => sum + arm.weight, 0);
  const declared = arms.map(({ name, price, weight: own }) => ({ name, price, probability: ((1 - holdout_share) * own) / weight }));
  return holdout_share > 0 ? [...declared, { name: HOLDOUT_ARM, price: { kind: "list" }, probability: holdout_share }] : declared;
}

const words = new Int32Array(HASH_WORDS);
const TWO_21 = 2 ** 21;
const TWO_53 = 2 ** 53;

/**
 * A number in [0, 1) that is the unit's for ever: 53 bits of MurmurHash3 over salt and unit. Another salt gives numbers that are independent of these. Ids and
 * salts hold no NUL, so that no two pairs give one text.
 */
export function unitUniform(salt: string, unit: string): number {
  hashText(`${salt}\0${unit}`, words);
  return ((words[0]! >>> 0) * TWO_21 + (words[1]! >>> 11)) / TWO_53;
}

/** The one division of all units that experiments take their ranges of: where it is the same for all, ranges that do not meet share nobody. */
const TRAFFIC_SALT = "tidemark:traffic";

export function takesPart({ from, to }: Experiment["traffic"], unit: string): boolean {
  const at = unitUniform(TRAFFIC_SALT, unit);
  return at >= from && at < to;
}

/** The arm whose stretch of [0, 1) holds the unit's number: sticky, since neither time nor other units say anything in it. */
export function armOf(arms: readonly Arm[], salt: string, unit: string): Arm {
  assert(arms.length > 0, "an experiment has arms");
  const at = unitUniform(salt, unit);
  let end = 0;
  for (const arm of arms) {
    end += arm.probability;
    if (at < end) return arm;
  }
  // The probabilities' sum may fall short of 1 by rounding.
  return arms[arms.length - 1]!;
}

/** Periods of a switchback are counted from 1970, in whole UTC days. */
export function periodOf(now_ms: number, period_days: number): number {
  return Math.floor(now_ms / (period_days * DAY_MS));
}

/** What an arm of a switchback is drawn for. */
export function switchbackUnit(cluster: string, period: number): string {
  return `${cluster}\0${period}`;
}

/** Whether an experiment asks about this course. */
export function inScope({ categories, courses }: Pick<Experiment, "categories" | "courses">, course_id: string | null, category: string): boolean {
  if (courses !== undefined) return course_id !== null && courses.includes(course_id);
  return categories === undefined || categories.includes(category);
}
