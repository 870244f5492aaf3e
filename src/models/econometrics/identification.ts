import { must } from "../../lib/assert.ts";
import { squaresByLevel } from "./absorption.ts";
import type { ErrorModel } from "./covariance.ts";
import { CONSTANT } from "./design.ts";
import { type DroppedColumn, type NotIdentified, notIdentified } from "./estimate.ts";
import type { OrthogonalBasis } from "./orthogonal-basis.ts";
import type { Sample } from "./sample.ts";

/** What stands in the way of errors, whatever the estimate. */
export function withoutFreedom({ kind, clusters, rows, parameters }: ErrorModel): NotIdentified | undefined {
  if (rows <= parameters) return notIdentified("no_degrees_of_freedom", `${rows} rows for ${parameters} parameters: give more rows, or absorb fewer effects`);
  const few = kind === "clustered" ? clusters.find(({ levels }) => levels < 2) : undefined;
  if (few !== undefined) return notIdentified("one_cluster", `all rows are of one ${few.name}: errors clustered by it cannot be had`);
  return undefined;
}

/** A share below this is rounding. */
const SHARE_MIN = 1e-12;

/** The largest share of one cluster in a column's squares, null without clusters; or that they are all of one cluster. */
export function clusterShare(column: Float64Array, { kind, clusters }: ErrorModel, treatment: string): number | null | NotIdentified {
  if (kind !== "clustered") return null;
  let largest = 0;
  for (const cluster of clusters) {
    const squares = squaresByLevel(cluster, column);
    const total = squares.reduce((sum, own) => sum + own, 0);
    const varying = squares.reduce((count, own) => count + (own > SHARE_MIN * total ? 1 : 0), 0);
    if (varying < 2) return notIdentified("one_cluster", `all variation of ${treatment} that is left to learn from is in one ${cluster.name}: its error cannot be had`);
    for (const own of squares) largest = Math.max(largest, own / total);
  }
  return largest;
}

/** Names of the columns that were left out, and of what they are combinations. */
export function droppedColumns(basis: OrthogonalBasis, names: readonly string[]): DroppedColumn[] {
  return basis.dropped.map(({ index, of }) => ({ name: must(names[index], "a column's name"), of: of.map((own) => must(names[own], "a column's name")) }));
}

function withinEffects({ fixed_effects }: Sample): string {
  return fixed_effects.length === 0 ? "" : ` within ${fixed_effects.map(({ name }) => name).join(" and ")}`;
}

export function noVariation(sample: Sample): NotIdentified {
  return notIdentified("no_variation", `${sample.treatment.name} does not vary${withinEffects(sample)}: nothing says what its changes do`);
}

/** Why a treatment that the columns before it explain has no effect of its own. */
export function explained({ of }: Pick<DroppedColumn, "of">, sample: Sample): NotIdentified {
  const within = withinEffects(sample);
  const others = of.filter((name) => name !== CONSTANT);
  if (others.length === 0) return noVariation(sample);
  return notIdentified("collinear", `${sample.treatment.name} is a combination of ${others.join(", ")}${within}: leave one of them out`);
}
