import type { XgboostModel } from "../contracts/artifact.ts";
import { malformed, shown, unsupported, type XgboostTree } from "./xgboost-file.ts";

/** Nodes of all trees together: more would load slower than serving may start. */
const NODES_MAX = 1_000_000;
/** XGBoost's own bound on a category's code: single precision tells no higher ones apart. */
const CODES = 2 ** 24;
const LEAF = -1;

type Trees = Pick<XgboostModel, "roots" | "feature" | "threshold" | "missing_left" | "left" | "right" | "value" | "category_sets">;

function whole(value: unknown, below: number, what: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < below) return value;
  malformed(`${what} is ${shown(value)}, no whole number below ${below}`);
}

/** A number that single precision can hold. */
function single(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isFinite(Math.fround(value))) return value;
  malformed(`${what} is ${shown(value)}, no number in single precision`);
}

/** The categories that each node of a tree splits by. */
function categorySets(tree: XgboostTree, name: string): ReadonlyMap<number, number[]> {
  const { categories = [], categories_nodes: nodes = [], categories_segments: segments = [], categories_sizes: sizes = [] } = tree;
  if (segments.length !== nodes.length || sizes.length !== nodes.length) malformed(`the category arrays of ${name} differ in length`);
  return new Map(
    nodes.map((node, i) => {
      const from = whole(segments[i], categories.length + 1, `a category segment of ${name}`);
      const size = whole(sizes[i], categories.length - from + 1, `a category size of ${name}`);
      return [whole(node, tree.tree_param.num_nodes, `a category node of ${name}`), categories.slice(from, from + size).map((code) => whole(code, CODES, `a category of ${name}`))];
    }),
  );
}

/**
 * Lays trees out as artifacts have them: one after another, children after their parents, without the nodes that pruning left behind. `columns` says which
 * column each of the model's features is. Every node is reached once: a file whose nodes form a cycle or share a child is refused.
 */
export function flattenTrees(trees: readonly XgboostTree[], columns: readonly number[]): Trees {
  const out: Trees = { roots: [], feature: [], threshold: [], missing_left: [], left: [], right: [], value: [] };
  const sets: [string, number[]][] = [];
  for (const tree of trees) appendTree(tree, columns, out, sets);
  return sets.length === 0 ? out : { ...out, category_sets: Object.fromEntries(sets) };
}

function appendTree(tree: XgboostTree, columns: readonly number[], out: Trees, sets: [string, number[]][]): void {
  const { id, tree_param: { num_nodes: nodes }, left_children, right_children, split_indices, split_conditions, default_left, split_type } = tree;
  for (const [name, array] of Object.entries({ left_children, right_children, split_indices, split_conditions, default_left, split_type })) {
    if (array !== undefined && array.length !== nodes) malformed(`${name} of tree ${id} has ${array.length} values for ${nodes} nodes`);
  }
  if (nodes === 0) malformed(`tree ${id} has no nodes`);
  if (out.feature.length + nodes > NODES_MAX) unsupported(`its trees have more than ${NODES_MAX} nodes`);
  const categories = categorySets(tree, `tree ${id}`);
  const seen = new Uint8Array(nodes);

  /** Appends a node, its children still to come, and returns its place. */
  const append = (node: number): number => {
    const name = `node ${node} of tree ${id}`;
    if (seen[node] === 1) malformed(`${name} is reached twice`);
    seen[node] = 1;
    const leaf = left_children[node] === LEAF;
    if (leaf !== (right_children[node] === LEAF)) malformed(`${name} has one child`);
    const set = categories.get(node);
    const byCategory = split_type !== undefined && Number(split_type[node]) === 1;
    if (!leaf && (set !== undefined) !== byCategory) malformed(`${name} splits by category and has none, or has some and does not`);
    const missing = default_left[node];
    if (missing !== 0 && missing !== 1 && typeof missing !== "boolean") malformed(`default_left of ${name} is ${shown(missing)}`);
    out.feature.push(leaf ? LEAF : columns[whole(split_indices[node], columns.length, `the feature of ${name}`)]!);
    out.threshold.push(leaf || byCategory ? 0 : single(split_conditions[node], `the threshold of ${name}`));
    out.value.push(leaf ? single(split_conditions[node], `the value of leaf ${name}`) : 0);
    out.missing_left.push(!leaf && Boolean(missing));
    out.left.push(0);
    out.right.push(0);
    const place = out.feature.length - 1;
    if (set !== undefined && !leaf) sets.push([String(place), set]);
    return place;
  };

  const root = append(0);
  out.roots.push(root);
  const open: { readonly node: number; readonly place: number }[] = [{ node: 0, place: root }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, place } = next;
    if (out.feature[place] === LEAF) continue;
    for (const [children, side] of [[left_children, out.left], [right_children, out.right]] as const) {
      const child = whole(children[node], nodes, `a child of node ${node} of tree ${id}`);
      side[place] = append(child);
      open.push({ node: child, place: side[place] });
    }
  }
}
