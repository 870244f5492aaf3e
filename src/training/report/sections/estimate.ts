import type { ElasticityEstimate } from "../../../contracts/artifact.ts";
import { readElasticity } from "../../../models/elasticity-type.ts";
import { fixed } from "../format.ts";

/** An elasticity with its 95 % interval; what is only assumed is not given as a figure. */
export function estimateText({ value, se, identified }: ElasticityEstimate): string {
  if (!identified) return "not identified";
  const [low, high] = readElasticity(value, se).ci95;
  return `${fixed(value, 2)} (${fixed(low, 2)} to ${fixed(high, 2)})`;
}
