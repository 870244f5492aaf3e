import type { XgboostModel } from "../contracts/artifact.ts";
import { elasticityFeatureNames } from "./elasticity-features.ts";
import { malformed, readXgboostFile, shown, unsupported, type XgboostFile } from "./xgboost-file.ts";
import { flattenTrees } from "./xgboost-trees.ts";

export interface XgboostImportOptions {
  /** Names of the row's columns, in their order. */
  readonly feature_names?: readonly string[];
  /**
   * Whether the model was trained with `base_margin` (a logarithm of exposures): XGBoost then leaves base_score out, and so must the rate per exposure. The file does
   * not say. With base_score = 1 at training it makes no difference.
   */
  readonly base_margin?: boolean;
  /** `best`: up to the best round where training looked for one, as scikit-learn's interface predicts; `all`: as `Booster.predict` does. */
  readonly rounds?: "best" | "all";
}

/** Unknown features that an error lists. */
const UNKNOWN_NAMED = 5;

interface Objective {
  readonly link: XgboostModel["link"];
  /** The margin that a base_score in single precision stands for, computed as XGBoost does. */
  readonly margin: (base_score: number) => number;
}

const logRate: Objective = { link: "log", margin: Math.log };
const logOdds: Objective = { link: "logit", margin: (score) => 0 - Math.log(Math.fround(Math.fround(1 / score) - 1)) };

/** Objectives whose predictions are a rate. */
const objectives: ReadonlyMap<string, Objective> = new Map([
  ["count:poisson", logRate],
  ["reg:gamma", logRate],
  ["reg:tweedie", logRate],
  ["binary:logistic", logOdds],
  ["binary:logitraw", { ...logOdds, margin: (score: number) => score }],
  ["reg:logistic", logOdds],
]);

/** What other objectives predict, by the beginning of their names. */
const reasons: readonly (readonly [prefix: string, reason: string])[] = [
  ["multi:", "several classes' scores"],
  ["rank:", "an order and no rate"],
  ["survival:", "a time or a hazard"],
  ["binary:", "a class without its probability"],
  ["reg:", "a level, which may fall below zero and is not a rate's logarithm"],
];

function objectiveOf(name: string): Objective {
  const objective = objectives.get(name);
  if (objective !== undefined) return objective;
  const reason = reasons.find(([prefix]) => name.startsWith(prefix))?.[1] ?? "what is not known here";
  unsupported(`its objective ${shown(name)} predicts ${reason}; a demand model gives enrollments per exposure: train with ${[...objectives.keys()].join(", ")}`);
}

function baseMargin(base_score: number, { link, margin }: Objective): number {
  const value = Math.fround(margin(Math.fround(base_score)));
  return Number.isFinite(value) ? value : malformed(`base_score ${base_score} is not possible with a ${link} link`);
}

/** The row's column that each of the model's features is. */
function columnsOf({ feature_names, features }: XgboostFile, names: readonly string[]): number[] {
  if (feature_names.length === 0) unsupported("its features have no names: train on a data frame or give xgboost.DMatrix(…, feature_names=[…])");
  if (feature_names.length !== features) malformed(`${feature_names.length} feature names for ${features} features`);
  const unknown = feature_names.filter((name) => !names.includes(name));
  if (unknown.length > 0) unsupported(`it reads ${unknown.slice(0, UNKNOWN_NAMED).map(shown).join(", ")}${unknown.length > UNKNOWN_NAMED ? ` and ${unknown.length - UNKNOWN_NAMED} more` : ""}; rows have ${names.join(", ")}`);
  if (new Set(feature_names).size < features) malformed(`a feature is named twice: ${feature_names.join(", ")}`);
  return feature_names.map((name) => names.indexOf(name));
}

/**
 * A model that was trained by XGBoost in Python and saved as JSON, as a model that predicts the log of expected enrollments per exposure here: the same path
 * down every tree, and the same margin in single precision. Throws TidemarkError `malformed_model` (no whole model) or `unsupported_model` (one that is not
 * served), each with what is wrong.
 */
export function importXgboost(bytes: Uint8Array, { feature_names = elasticityFeatureNames, base_margin = false, rounds = "best" }: XgboostImportOptions = {}): XgboostModel {
  const file = readXgboostFile(bytes);
  const objective = objectiveOf(file.objective);
  if (base_margin && objective.link !== "log") unsupported(`its objective ${file.objective} has no exposures as base_margin: probabilities are per exposure as they are`);
  const trained = file.round_ends.length;
  const used = rounds === "all" || file.best_rounds === undefined ? trained : file.best_rounds;
  if (used > trained) malformed(`its best round is the ${used}th of ${trained}`);
  return {
    kind: "xgboost",
    link: objective.link,
    base_margin: base_margin ? 0 : baseMargin(file.base_score, objective),
    ...flattenTrees(file.trees.slice(0, file.round_ends[used - 1] ?? 0), columnsOf(file, feature_names)),
    trained: { version: file.version, objective: file.objective, rounds: trained, rounds_used: used },
  };
}
