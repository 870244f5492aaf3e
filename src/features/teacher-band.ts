import { lastValue } from "./scalar-aggregators.ts";
import { maxPrice, minPrice } from "./teacher-features.ts";
import { offsetOf } from "./feature-set.ts";

/** Least and most that a teacher allows for a course, tokens; 0 = not said. */
export interface TeacherBand {
  readonly min_price_tokens: number;
  readonly max_price_tokens: number;
}

export const noBand: TeacherBand = { min_price_tokens: 0, max_price_tokens: 0 };

const MIN = offsetOf(minPrice);
const MAX = offsetOf(maxPrice);

/** Of a teacher's decoded record. */
export function readTeacherBand(record: Float64Array): TeacherBand {
  return { min_price_tokens: lastValue(record, MIN, 0, 0), max_price_tokens: lastValue(record, MAX, 0, 0) };
}
