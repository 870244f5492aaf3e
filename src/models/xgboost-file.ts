import { z } from "zod";
import { errorMessage, TidemarkError } from "../lib/errors.ts";

/** Reading a larger file would take more memory than serving has use for. */
const BYTES_MAX = 64 * 1024 * 1024;
const VERSION_MIN = [1, 7] as const;

/** A hostile file's names and values must not fill a log. */
const SHOWN_MAX = 60;
const DETAIL_MAX = 1_000;

/** A value of a file, for a message. */
export function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

/** The bytes are no whole model that XGBoost wrote. */
export function malformed(detail: string): never {
  throw new TidemarkError("malformed_model", `not a whole XGBoost model: ${detail.slice(0, DETAIL_MAX)}`);
}

/** A whole model, of a kind that is not served here. */
export function unsupported(detail: string): never {
  throw new TidemarkError("unsupported_model", `this XGBoost model cannot be served: ${detail.slice(0, DETAIL_MAX)}`);
}

/** XGBoost writes its parameters as texts. */
const count = z.string().regex(/^\d{1,9}$/, "must be a whole number as a text").transform(Number);
/** Elements are looked at one by one where they are used: a schema would gather millions of complaints about a hostile file before it ends. */
const list = z.custom<readonly unknown[]>(Array.isArray, "must be an array");

const treeSchema = z.object({
  id: z.int(),
  tree_param: z.object({ num_nodes: count, size_leaf_vector: count }),
  left_children: list,
  right_children: list,
  split_indices: list,
  split_conditions: list,
  default_left: list,
  split_type: list.optional(),
  categories: list.optional(),
  categories_nodes: list.optional(),
  categories_segments: list.optional(),
  categories_sizes: list.optional(),
});
export type XgboostTree = z.infer<typeof treeSchema>;

const treesSchema = z.object({
  gbtree_model_param: z.object({ num_trees: count, num_parallel_tree: count.default(1) }),
  trees: list,
  tree_info: list,
  iteration_indptr: list.optional(),
  weight_drop: list.optional(),
  /** Since 3.1: how a data frame's categories were numbered. */
  cats: z.object({ enc: list }).optional(),
});
type Trees = z.infer<typeof treesSchema>;

const categoriesSchema = z.object({ values: list.default([]), offsets: list.optional() });

const learnerSchema = z.object({
  attributes: z.object({ best_iteration: count.optional() }).default({}),
  feature_names: list.default([]),
  objective: z.object({ name: z.string() }),
  learner_model_param: z.object({ base_score: z.string(), num_class: count, num_feature: count, num_target: count.default(1) }),
  gradient_booster: z.object({ name: z.string(), model: z.unknown().optional() }),
});

const fileSchema = z.object({ version: z.tuple([z.int(), z.int(), z.int()]), learner: learnerSchema });

/** What a file says: checked in its shape and in what is served at all; nodes and names are not looked at yet. */
export interface XgboostFile {
  readonly version: string;
  readonly objective: string;
  /** As XGBoost takes it: before the objective's link. */
  readonly base_score: number;
  /** None when it was trained on columns without names. */
  readonly feature_names: readonly string[];
  readonly features: number;
  readonly trees: readonly XgboostTree[];
  /** Number of trees after each round. */
  readonly round_ends: readonly number[];
  /** Rounds up to the best one, where training looked for it. */
  readonly best_rounds: number | undefined;
}

function parse<T>(schema: z.ZodType<T>, value: unknown, at: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  malformed(`${[at, ...(issue?.path ?? [])].filter((part) => part !== "").join(".")}: ${issue?.message}`);
}

/** The thresholds of splits by category are written as NaN, which JSON does not have. An unended string matches to the end of the text: it is looked at once. */
function withoutNaN(text: string): string {
  return text.includes("NaN") ? text.replace(/"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)|\bNaN\b/g, (token) => (token === "NaN" ? "null" : token)) : text;
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > BYTES_MAX) malformed(`${bytes.length} bytes; at most ${BYTES_MAX} are read`);
  // After its brace, binary JSON has the type of a length, and text has a quote or a space.
  if (bytes[0] === 0x7b && bytes.length > 1 && "#$CILUilu".includes(String.fromCharCode(bytes[1]!))) {
    unsupported("it is binary JSON (UBJ), XGBoost's default from 2.1 on: save it as text, by a name that ends in .json: model.save_model(\"model.json\")");
  }
  try {
    return JSON.parse(withoutNaN(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (error) {
    malformed(`its text is no JSON (${errorMessage(error)}); model.save_model("model.json") writes the format that is read here`);
  }
}

function checkBooster(name: string, model?: Trees): void {
  if (name !== "gbtree") unsupported(`its booster is ${shown(name)}; boosted trees (booster gbtree) are`);
  if (model?.weight_drop?.some((weight) => weight !== 1) === true) unsupported("its trees have weights, as those of the booster dart; boosted trees (booster gbtree) are");
}

/** "5E-1", or since 3.1 "[5E-1]". */
function baseScore(text: string): number {
  const scores = text.replace(/^\[(.*)\]$/, "$1").split(",");
  if (scores.length > 1) unsupported(`base_score ${shown(text)} has one value for each of several outputs; one output is`);
  const score = scores[0]!.trim() === "" ? Number.NaN : Number(scores[0]);
  return Number.isFinite(score) ? score : malformed(`base_score is ${shown(text)}, no number`);
}

/** Number of trees after each round. */
function roundEnds(trees: number, { gbtree_model_param: { num_parallel_tree }, iteration_indptr }: Trees): readonly number[] {
  if (iteration_indptr === undefined) {
    if (num_parallel_tree < 1 || trees % num_parallel_tree > 0) malformed(`${trees} trees are no whole rounds of ${num_parallel_tree}`);
    return Array.from({ length: trees / num_parallel_tree }, (_, round) => (round + 1) * num_parallel_tree);
  }
  const ends = iteration_indptr.map((end, i) => (typeof end === "number" && Number.isInteger(end) && (i === 0 || end > Number(iteration_indptr[i - 1])) ? end : malformed("iteration_indptr does not ascend")));
  if (ends[0] !== 0 || ends.at(-1) !== trees) malformed(`iteration_indptr does not lead from 0 to the ${trees} trees`);
  return ends.slice(1);
}

/** Since 3.1 a data frame's categories are kept in the file; only those that are numbered by their own values mean the same here. */
function checkCategories({ cats }: Trees): void {
  for (const [column, encoding] of (cats?.enc ?? []).entries()) {
    const { values, offsets } = parse(categoriesSchema, encoding, `cats.enc.${column}`);
    if ((offsets !== undefined && values.length > 0) || values.some((value, code) => value !== code)) {
      unsupported(`the categories of its column ${column} are numbered by a data frame's order: train on the column's own codes, as numbers with feature_types "c"`);
    }
  }
}

function readTrees({ trees, tree_info, gbtree_model_param: { num_trees } }: Trees): XgboostTree[] {
  if (num_trees !== trees.length || tree_info.length !== trees.length) malformed(`it has ${trees.length} trees, ${tree_info.length} of them in tree_info, and says ${num_trees}`);
  return trees.map((value, i) => {
    const tree = parse(treeSchema, value, `tree ${i}`);
    if (tree.id !== i) malformed(`tree ${i} has the id ${tree.id}`);
    if (tree_info[i] !== 0) malformed(`tree ${i} belongs to output ${shown(tree_info[i])}; there is one, 0`);
    if (tree.tree_param.size_leaf_vector > 1) unsupported(`the leaves of its tree ${i} are vectors (multi_strategy multi_output_tree); leaves of one number are`);
    return tree;
  });
}

/**
 * Reads what `Booster.save_model("….json")` of XGBoost 1.7 or newer wrote. Throws TidemarkError `malformed_model` or `unsupported_model`, each with what
 * is wrong.
 */
export function readXgboostFile(bytes: Uint8Array): XgboostFile {
  const { version, learner } = parse(fileSchema, parseJson(bytes), "");
  const [major, minor] = version;
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1])) unsupported(`XGBoost ${version.join(".")} wrote it; ${VERSION_MIN.join(".")} or newer is read`);
  const { learner_model_param: parameters, gradient_booster, attributes, feature_names } = learner;
  checkBooster(gradient_booster.name);
  if (parameters.num_class > 1) unsupported(`it tells ${parameters.num_class} classes apart (num_class); a single rate is served`);
  if (parameters.num_target > 1) unsupported(`it predicts ${parameters.num_target} targets at once (num_target); a single rate is served`);
  const model = parse(treesSchema, gradient_booster.model, "learner.gradient_booster.model");
  checkBooster(gradient_booster.name, model);
  checkCategories(model);
  return {
    version: version.join("."),
    objective: learner.objective.name,
    base_score: baseScore(parameters.base_score),
    feature_names: feature_names.map((name) => (typeof name === "string" ? name : malformed(`a feature's name is ${shown(name)}`))),
    features: parameters.num_feature,
    trees: readTrees(model),
    round_ends: roundEnds(model.trees.length, model),
    best_rounds: attributes.best_iteration === undefined ? undefined : attributes.best_iteration + 1,
  };
}
