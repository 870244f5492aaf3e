import { TidemarkError } from "../lib/errors.ts";
import { type ErrorKind, errorKinds } from "../models/econometrics/covariance.ts";
import type { CommandContext } from "./command.ts";
import { oneOf } from "./one-of-option.ts";
import { wholeOption } from "./whole-option.ts";

const methods = ["ols", "2sls", "dml", "poisson", "hierarchical"] as const;
export type Method = (typeof methods)[number];
export type GroupMethod = "ols" | "2sls" | "poisson";

const learnerChoices = ["best", "ridge", "boosting"] as const;
export type LearnerChoice = (typeof learnerChoices)[number];

/** What is asked of `tidemark elasticity`. */
export interface AskedElasticity {
  readonly data: string;
  readonly method: Method;
  readonly group_method: GroupMethod | null;
  readonly form: "logs" | "levels";
  readonly quantity: string;
  readonly price: string;
  readonly controls: readonly string[];
  /** Controls that are labels even where they look like numbers. */
  readonly categorical: readonly string[];
  readonly instruments: readonly string[];
  readonly fixed_effects: readonly string[];
  readonly clusters: readonly string[];
  readonly errors: ErrorKind;
  readonly weights: string | null;
  readonly exposure: string | null;
  readonly offset: string | null;
  readonly panel_time: string | null;
  readonly first_differences: boolean;
  readonly group: string | null;
  /** Whether the quantity is a count, with the logarithm in the model. */
  readonly counts: boolean;
  readonly heterogeneity: readonly string[];
  readonly learner: LearnerChoice;
  readonly folds: number;
  readonly repeats: number;
  readonly seed: number;
  readonly drop_invalid: boolean;
}

/** Options of double machine learning alone. */
const learned = ["folds", "repeats", "learner", "heterogeneity"] as const;
const FOLDS = 5;
const FOLDS_MAX = 50;
const REPEATS = 5;
const REPEATS_MAX = 100;

function refuse(message: string): never {
  throw new TidemarkError("bad_usage", message);
}

class Options {
  readonly #options: CommandContext["options"];

  constructor(options: CommandContext["options"]) {
    this.#options = options;
  }

  text(flag: string, name: string): string | null {
    const value = this.#options[name];
    if (value === undefined) return null;
    if (typeof value !== "string" || value === "") refuse(`${flag} is empty: name a column`);
    return value;
  }

  required(flag: string, name: string, what: string): string {
    return this.text(flag, name) ?? refuse(`${flag} is missing: name ${what}`);
  }

  list(flag: string, name: string): string[] {
    const names = (this.text(flag, name) ?? "").split(",").map((own) => own.trim()).filter((own) => own !== "");
    const twice = names.find((own, i) => names.indexOf(own) !== i);
    return twice === undefined ? names : refuse(`${flag} names ${twice} twice`);
  }

  flag(name: string): boolean {
    return this.#options[name] === true;
  }

  given(name: string): boolean {
    return this.#options[name] !== undefined && this.#options[name] !== false;
  }
}

function methodOf(own: Options, options: CommandContext["options"], instruments: readonly string[]): Method {
  return oneOf("--method", options["method"], methods) ?? (own.given("group") ? "hierarchical" : instruments.length > 0 ? "2sls" : "ols");
}

/** Options that only some methods take, where they would silently do nothing. */
function checkMethod(asked: AskedElasticity, own: Options): void {
  const { method, group_method, instruments, counts, first_differences, clusters, errors, heterogeneity, controls } = asked;
  const inner = group_method ?? method;
  if (method === "hierarchical" && asked.group === null) refuse("--method hierarchical needs --group: name the column whose groups are estimated and shrunk towards each other");
  if (method !== "hierarchical" && asked.group !== null) refuse(`--group is of --method hierarchical, not of ${method}`);
  if (inner === "2sls" && instruments.length === 0) refuse("--method 2sls needs --instruments: columns that move the price and the quantity only through it");
  if (instruments.length > 0 && (inner === "ols" || inner === "poisson")) refuse(`--instruments are of --method 2sls and dml, not of ${inner}`);
  if (instruments.length > 0 && counts) refuse("--instruments go with 2sls and with dml of quantities, not with counts (--counts, --exposure, --offset)");
  if (counts && (inner === "ols" || inner === "2sls")) refuse(`--counts, --exposure and --offset are of --method poisson, dml and hierarchical, not of ${inner}`);
  const stray = method === "dml" ? undefined : learned.find((name) => own.given(name));
  if (stray !== undefined) refuse(`--${stray} is of --method dml, not of ${method}`);
  if (method === "dml" && controls.length === 0) refuse("--method dml needs --controls to learn from");
  if (method === "dml" && clusters.length > 1) refuse("--method dml clusters by one column: its folds are drawn by it");
  if (method === "dml" && errors !== "clustered" && own.given("errors")) refuse("--errors is not of --method dml: its errors are clustered, or robust without --cluster");
  if (heterogeneity.length > 0 && instruments.length > 0) refuse("--heterogeneity takes the price that controls leave for as good as random: it does not go with --instruments");
  if (heterogeneity.length > 0 && counts) refuse("--heterogeneity is of quantities, not of counts");
  if (first_differences && asked.panel_time === null) refuse("--first-differences needs --panel-time: name the column that orders a unit's rows");
  if (first_differences && counts) refuse("--first-differences are of quantities, not of counts");
  if (first_differences && method === "hierarchical") refuse("--first-differences are not of --method hierarchical");
  if (asked.exposure !== null && asked.offset !== null) refuse("give --exposure or --offset, its logarithm, not both");
  if (clusters.length > 2) refuse("--cluster takes two columns at most");
}

/** Throws TidemarkError `bad_usage` with what is allowed. */
export function askedElasticity(options: CommandContext["options"], seed: number): AskedElasticity {
  const own = new Options(options);
  if (own.flag("levels") && own.flag("logs")) refuse("give --levels or --logs, not both");
  const instruments = own.list("--instruments", "instruments");
  const method = methodOf(own, options, instruments);
  const exposure = own.text("--exposure", "exposure");
  const offset = own.text("--offset", "offset");
  const counted = own.flag("counts") || exposure !== null || offset !== null;
  const group_method: GroupMethod | null = method === "hierarchical" ? (instruments.length > 0 ? "2sls" : counted ? "poisson" : "ols") : null;
  const fixed_effects = own.list("--fixed-effects", "fixedEffects");
  const panel_time = own.text("--panel-time", "panelTime");
  const named = own.list("--cluster", "cluster");
  const unit = panelUnit(named, fixed_effects, panel_time);
  // Rows of one unit over time are not independent.
  const clusters = named.length > 0 || unit === null ? named : [unit];
  const asked: AskedElasticity = {
    data: own.required("--data", "data", "a .csv or .parquet file"),
    method,
    group_method,
    form: own.flag("levels") ? "levels" : "logs",
    quantity: own.required("--quantity", "quantity", "the column of quantities"),
    price: own.required("--price", "price", "the column of prices"),
    controls: own.list("--controls", "controls"),
    categorical: own.list("--categorical", "categorical"),
    instruments,
    fixed_effects,
    clusters,
    errors: oneOf("--errors", options["errors"], errorKinds) ?? (clusters.length > 0 ? "clustered" : "HC1"),
    weights: own.text("--weights", "weights"),
    exposure,
    offset,
    panel_time,
    first_differences: own.flag("firstDifferences"),
    group: own.text("--group", "group"),
    counts: counted || method === "poisson",
    heterogeneity: own.list("--heterogeneity", "heterogeneity"),
    learner: oneOf("--learner", options["learner"], learnerChoices) ?? "best",
    folds: options["folds"] === undefined ? FOLDS : wholeOption("--folds", options["folds"], FOLDS_MAX),
    repeats: options["repeats"] === undefined ? REPEATS : wholeOption("--repeats", options["repeats"], REPEATS_MAX),
    seed,
    drop_invalid: own.flag("dropInvalid"),
  };
  if (asked.folds < 2) refuse("--folds is 1\n  allowed: whole number from 2 to 50");
  if (asked.errors === "clustered" && clusters.length === 0) refuse("--errors clustered needs --cluster");
  if (asked.errors !== "clustered" && clusters.length > 0) {
    if (named.length > 0) refuse(`--errors ${asked.errors} and --cluster exclude each other`);
    refuse(`--errors ${asked.errors} and --panel-time exclude each other: rows of one ${unit} are not independent`);
  }
  const stray = asked.categorical.find((name) => !asked.controls.includes(name));
  if (stray !== undefined) refuse(`--categorical names ${stray}, which is not among --controls`);
  checkMethod(asked, own);
  return asked;
}

/** What is followed over time: the first cluster, or the first fixed effect that is not time itself. */
export function panelUnit(clusters: readonly string[], fixed_effects: readonly string[], panel_time: string | null): string | null {
  if (panel_time === null) return null;
  return clusters[0] ?? fixed_effects.find((name) => name !== panel_time) ?? refuse("--panel-time needs to know what is followed over time: name it first in --cluster or --fixed-effects");
}
