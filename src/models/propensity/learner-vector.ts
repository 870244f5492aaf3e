import { publicFeatures } from "../../features/feature-catalogue.ts";
import { assert } from "../../lib/assert.ts";

/** What a learner's vector holds, in its order: learnerFeatureNames of the replay, with their units. */
export const learnerVector = publicFeatures("learner");

/** Position of a feature in a learner's vector; an unknown name is a bug. */
export function learnerPosition(name: string): number {
  const position = learnerVector.findIndex((definition) => definition.name === name);
  assert(position >= 0, `no learner feature ${name}`);
  return position;
}
