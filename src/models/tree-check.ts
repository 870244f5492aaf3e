import type { ForestModel } from "../contracts/artifact.ts";
import { TidemarkError } from "../lib/errors.ts";

export function incompatible(detail: string): never {
  throw new TidemarkError("incompatible_artifact", `the artifact's model cannot be used: ${detail}`);
}

/** Trees as every artifact has them. */
type FlatTrees = Readonly<Pick<ForestModel, "roots" | "feature" | "threshold" | "left" | "right" | "value">>;

/** Children must come after their parent: then every walk ends. */
export function checkTrees(model: FlatTrees, columns: number): void {
  const nodes = model.feature.length;
  for (const array of [model.threshold, model.left, model.right, model.value]) {
    if (array.length !== nodes) incompatible("node arrays differ in length");
  }
  for (const root of model.roots) if (root >= nodes) incompatible(`root ${root} of ${nodes} nodes`);
  for (let i = 0; i < nodes; i++) {
    const feature = model.feature[i]!;
    if (feature >= columns) incompatible(`node ${i} reads column ${feature} of ${columns}`);
    if (feature < 0) continue;
    const left = model.left[i]!;
    const right = model.right[i]!;
    if (left <= i || right <= i || left >= nodes || right >= nodes) incompatible(`node ${i} has children ${left} and ${right} of ${nodes} nodes`);
  }
}

/** By node: the categories that its split lists; undefined of nodes that split by a threshold. */
export function nodeSets(feature: readonly number[], category_sets: Readonly<Record<string, readonly number[]>>): readonly (ReadonlySet<number> | undefined)[] {
  const sets = new Array<ReadonlySet<number> | undefined>(feature.length).fill(undefined);
  for (const [key, categories] of Object.entries(category_sets)) {
    const node = Number(key);
    if (!((feature[node] ?? -1) >= 0)) incompatible(`categories of node ${key}, which splits nothing`);
    sets[node] = new Set(categories);
  }
  return sets;
}
