/**
 * The attributes of learners that the engine sees, of all that a platform may send with `learner.upserted`: what they learn with, what for, and
 * whether their employer pays. A list of what may be seen, so that whatever else is sent, protected attributes among it, changes no feature, score or
 * price. A value's code is its place in the list, from 1 on; 0 = not said, or something else.
 */
export const learnerAttributes = {
  device: ["desktop", "mobile", "tablet"],
  goal: ["career", "degree", "hobby"],
  employer_paid: [false, true],
} as const satisfies Record<string, readonly (string | boolean)[]>;

export type LearnerAttribute = keyof typeof learnerAttributes;

/** The code of an attribute among those that were sent. */
export function attributeCode(name: LearnerAttribute, attributes: Readonly<Record<string, string | number | boolean>> | undefined): number {
  const values: readonly (string | number | boolean)[] = learnerAttributes[name];
  const value = attributes?.[name];
  return value === undefined ? 0 : 1 + values.indexOf(value);
}
