/** What one row of a family's whole history stands for. */
const entities: Readonly<Record<string, string>> = { elasticity: "course", propensity: "learner" };

export function entityOf(family: string): string {
  return Object.hasOwn(entities, family) ? entities[family]! : "entity";
}
