import { assert } from "../lib/assert.ts";
import { courseFeatures } from "./course-features.ts";

/** The course features that models and prices read, in vector order. */
export const courseFeatureNames: readonly string[] = courseFeatures.filter((definition) => !definition.internal).map((definition) => definition.name);

/** Position of a course feature in the vector; an unknown name is a bug. */
export function courseFeatureIndex(name: string): number {
  const index = courseFeatureNames.indexOf(name);
  assert(index >= 0, `no course feature ${name}`);
  return index;
}
