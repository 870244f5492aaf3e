import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elasticityModelSchema, type XgboostModel } from "../contracts/artifact.ts";
import { TidemarkError } from "../lib/errors.ts";
import { elasticityFeatureNames } from "./elasticity-features.ts";
import { compilePredictor } from "./predictor.ts";
import { importXgboost } from "./xgboost-import.ts";

/** Models that XGBoost trained, and what it predicts: made by make.py there. */
const FOLDER = join(import.meta.dirname, "testing/xgboost");
const COLUMNS = elasticityFeatureNames.length;
const MISSING_COLUMN_VALUE = 7;

interface Noted {
  readonly names: readonly string[];
  readonly rows: readonly (readonly (number | null)[])[];
  readonly margin: readonly number[];
  readonly prediction: readonly number[];
  readonly margin_all?: readonly number[];
}

/** A file's tree of values, to be changed at will. */
interface Json {
  [key: string]: Json;
}

const bytesOf = (name: string): Buffer => readFileSync(join(FOLDER, name));
const noted = (name: string): Noted => JSON.parse(bytesOf(`${name}.rows.json`).toString()) as Noted;
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The noted rows in our columns' order; a column that the model does not know holds a number that must not matter. */
function rowsOf({ names, rows }: Noted): Float64Array[] {
  return rows.map((row) => Float64Array.from(elasticityFeatureNames, (name) => (names.includes(name) ? (row[names.indexOf(name)] ?? Number.NaN) : MISSING_COLUMN_VALUE)));
}

function logRates(model: XgboostModel, of: Noted): number[] {
  const predictor = compilePredictor(model, COLUMNS);
  return rowsOf(of).map((row) => predictor.logRate(row, 0));
}

/** A model with a few changes to its file. */
function changed(name: string, change: (file: Json, learner: Json, booster: Json) => void): Uint8Array {
  const file = JSON.parse(bytesOf(`${name}.json`).toString().replaceAll("NaN", "null")) as Json;
  const learner = file["learner"]!;
  change(file, learner, learner["gradient_booster"]!["model"]!);
  return encode(JSON.stringify(file));
}

const served = readdirSync(FOLDER).flatMap((file) => (file.endsWith(".rows.json") ? [file.slice(0, -".rows.json".length)] : []));

describe.each(served)("%s", (name) => {
  const model = importXgboost(bytesOf(`${name}.json`));
  const own = noted(name);

  test("gives XGBoost's margins to the last bit, and its predictions, at thresholds and with values missing", () => {
    const rates = logRates(model, own);
    expect(rates.length).toBeGreaterThan(40);
    expect(new Set(own.margin).size).toBeGreaterThan(5);
    // Under the link `log` the margin is the answer.
    expect(logRates({ ...model, link: "log" }, own)).toEqual(own.margin);
    for (const [i, rate] of rates.entries()) {
      const expected = model.trained.objective === "binary:logitraw" ? 1 / (1 + Math.exp(-own.prediction[i]!)) : own.prediction[i]!;
      expect(Math.abs(Math.exp(rate) / expected - 1)).toBeLessThan(1e-6);
    }
  });

  test("is the same after a journey through an artifact's JSON", () => {
    expect(logRates(elasticityModelSchema.parse(JSON.parse(JSON.stringify(model))) as XgboostModel, own)).toEqual(logRates(model, own));
  });
});

describe("what the caller says", () => {
  test("of a training that stopped early, the best rounds count; all of them do when asked for", () => {
    const own = noted("poisson_stopped");
    const bytes = bytesOf("poisson_stopped.json");
    expect(importXgboost(bytes).trained).toMatchObject({ version: "1.7.4", objective: "count:poisson", rounds: 6, rounds_used: 2 });
    expect(logRates(importXgboost(bytes, { rounds: "all" }), own)).toEqual(own.margin_all);
    expect(own.margin_all).not.toEqual(own.margin);
  });

  test("of a model that was trained with base_margin, base_score is no part", () => {
    const own = noted("poisson");
    const rates = logRates(importXgboost(bytesOf("poisson.json")), own);
    const without = logRates(importXgboost(bytesOf("poisson.json"), { base_margin: true }), own);
    for (const [i, rate] of rates.entries()) expect(rate - without[i]!).toBeCloseTo(Math.log(0.5), 6);
    const bytes = bytesOf("poisson_margin.json");
    expect(importXgboost(bytes, { base_margin: true })).toEqual(importXgboost(bytes));
    expect(() => importXgboost(bytesOf("logistic.json"), { base_margin: true })).toThrow(expect.objectContaining({ code: "unsupported_model", message: expect.stringContaining("base_margin") }));
  });

  test("columns are found by name, in whatever order rows have them", () => {
    const own = noted("logitraw");
    const names = own.names.toReversed();
    const predictor = compilePredictor(importXgboost(bytesOf("logitraw.json"), { feature_names: names }), names.length);
    const rates = own.rows.map((row) => predictor.logRate(Float64Array.from(row.toReversed(), (value) => value ?? Number.NaN), 0));
    expect(rates).toEqual(logRates(importXgboost(bytesOf("logitraw.json")), own));
  });
});

test("what newer versions write differently means the same", () => {
  const newer = (cats: unknown): Uint8Array =>
    changed("categorical", (file, learner, booster) => {
      Object.assign(file, { version: [3, 4, 1] });
      Object.assign(learner["learner_model_param"]!, { base_score: "[5E-1]", boost_from_average: "0" });
      Object.assign(booster, { iteration_indptr: [0, 1, 2, 3, 4, 5, 6], weight_drop: [1, 1, 1, 1, 1, 1], cats });
      Object.assign(learner, { attributes: {} });
      for (const tree of Object.values(booster["trees"]!)) {
        Object.assign(tree, { default_left: Object.values(tree["default_left"]!).map(Boolean) });
        Object.assign(tree["tree_param"]!, { size_leaf_vector: "1" });
      }
    });
  // By way of JSON.stringify, which writes −0 as 0, as the changed file is.
  const { trained: _, ...model } = importXgboost(changed("categorical", () => undefined));
  const none = { enc: [], feature_segments: [], sorted_idx: [] };
  const codes = { enc: [{ type: 5, values: [] }, { type: 5, values: [0, 1, 2, 3] }, { values: [], offsets: [] }, { type: 5, values: [] }], feature_segments: [0, 0, 4, 4, 4], sorted_idx: [0, 1, 2, 3] };
  for (const cats of [none, codes]) {
    const { trained, ...same } = importXgboost(newer(cats));
    expect(same).toEqual(model);
    expect(trained).toEqual({ version: "3.4.1", objective: "count:poisson", rounds: 6, rounds_used: 6 });
  }
  // The second code is the value 2, or the word that two bytes spell: not what our column holds.
  for (const enc of [{ type: 5, values: [0, 2, 1, 3] }, { offsets: [0, 2], values: [97, 98] }]) {
    expect(() => importXgboost(newer({ enc: [enc] }))).toThrow(expect.objectContaining({ code: "unsupported_model", message: expect.stringContaining("categories of its column 0") }));
  }
});

describe("refused, with the reason", () => {
  const whole: readonly (readonly [file: string, reason: RegExp])[] = [
    ["refused_squarederror.json", /reg:squarederror" predicts a level/],
    ["refused_squaredlogerror.json", /reg:squaredlogerror" predicts a level/],
    ["refused_pseudohubererror.json", /predicts a level.*count:poisson/],
    ["refused_pairwise.json", /predicts an order/],
    ["refused_cox.json", /predicts a time or a hazard/],
    ["refused_hinge.json", /predicts a class/],
    ["refused_dart.json", /booster is "dart"/],
    ["refused_gblinear.json", /booster is "gblinear"/],
    ["refused_classes.json", /3 classes/],
    ["refused_targets.json", /2 targets/],
    ["refused_unnamed.json", /have no names: .*feature_names/],
    ["refused_names.json", /it reads "price"; rows have log_price_vs_reference/],
    ["refused_binary.ubj", /binary JSON.*ends in \.json/],
  ];
  test("whole models of other kinds", () => {
    expect(whole.map(([file]) => file).toSorted()).toEqual(readdirSync(FOLDER).filter((file) => file.startsWith("refused")));
    for (const [file, reason] of whole) expect(() => importXgboost(bytesOf(file)), file).toThrow(expect.objectContaining({ code: "unsupported_model", message: expect.stringMatching(reason) }));
  });

  type Change = (file: Json, learner: Json, booster: Json) => void;
  const inTree = (values: object): Change => (_file, _learner, booster) => void Object.assign(booster["trees"]!["1"]!, values);
  const inNode = (array: string, node: number, value: unknown): Change => (_file, _learner, booster) => void Object.assign(booster["trees"]!["1"]![array]!, { [node]: value });
  const parameter = (values: object): Change => (_file, learner) => void Object.assign(learner["learner_model_param"]!, values);
  const broken: Readonly<Record<string, readonly [Change, code: "malformed_model" | "unsupported_model", reason: RegExp]>> = {
    "a cycle": [inNode("left_children", 1, 0), "malformed_model", /node 0 of tree 1 is reached twice/],
    "a node that is its own child": [inNode("right_children", 1, 1), "malformed_model", /node 1 of tree 1 is reached twice/],
    "a shared child": [inNode("right_children", 0, 1), "malformed_model", /node 1 of tree 1 is reached twice/],
    "one child only": [inNode("left_children", 0, -1), "malformed_model", /node 0 of tree 1 has one child/],
    "a child past the end": [inNode("left_children", 0, 1_000), "malformed_model", /a child of node 0 of tree 1 is 1000/],
    "a child between nodes": [inNode("left_children", 0, 1.5), "malformed_model", /is 1.5, no whole number/],
    "a feature past the end": [inNode("split_indices", 0, 4), "malformed_model", /the feature of node 0 of tree 1 is 4, no whole number below 4/],
    "a feature before the first": [inNode("split_indices", 0, -1), "malformed_model", /the feature of node 0 of tree 1 is -1/],
    "a threshold that is no number": [inNode("split_conditions", 0, null), "malformed_model", /the threshold of node 0 of tree 1 is null, no number/],
    "a threshold in words": [inNode("split_conditions", 0, "0.5"), "malformed_model", /is "0.5", no number/],
    "a threshold beyond single precision": [inNode("split_conditions", 0, 1e39), "malformed_model", /is 1e\+39, no number in single precision/],
    "a direction that is none": [inNode("default_left", 0, 2), "malformed_model", /default_left of node 0 of tree 1 is 2/],
    "arrays of other lengths": [inTree({ split_indices: [0] }), "malformed_model", /split_indices of tree 1 has 1 values for/],
    "no array": [inTree({ left_children: "123" }), "malformed_model", /tree 1.left_children: must be an array/],
    "a tree of another place": [inTree({ id: 3 }), "malformed_model", /tree 1 has the id 3/],
    "an empty tree": [inTree({ tree_param: { num_nodes: "0", size_leaf_vector: "0" }, left_children: [], right_children: [], split_indices: [], split_conditions: [], default_left: [], split_type: [] }), "malformed_model", /tree 1 has no nodes/],
    "leaves that are vectors": [inTree({ tree_param: { num_nodes: "3", size_leaf_vector: "2" } }), "unsupported_model", /leaves of its tree 1 are vectors/],
    "no categories where a split needs them": [inTree({ split_type: new Array<number>(31).fill(1) }), "malformed_model", /node 0 of tree 1 splits by category and has none/],
    "a category segment past the end": [inTree({ categories: [1], categories_nodes: [0], categories_segments: [0], categories_sizes: [2] }), "malformed_model", /a category size of tree 1 is 2/],
    "a category past every code": [inTree({ categories: [2 ** 24], categories_nodes: [0], categories_segments: [0], categories_sizes: [1] }), "malformed_model", /a category of tree 1 is 16777216/],
    "a tree of another output": [(_file, _learner, booster) => void Object.assign(booster["tree_info"]!, { 1: 1 }), "malformed_model", /tree 1 belongs to output 1/],
    "fewer trees than it says": [(_file, _learner, booster) => void Object.assign(booster["gbtree_model_param"]!, { num_trees: "7" }), "malformed_model", /has 6 trees, 6 of them in tree_info, and says 7/],
    "broken rounds": [(_file, _learner, booster) => void Object.assign(booster["gbtree_model_param"]!, { num_parallel_tree: "4" }), "malformed_model", /no whole rounds of 4/],
    "rounds that do not ascend": [(_file, _learner, booster) => void Object.assign(booster, { iteration_indptr: [0, 4, 3, 6] }), "malformed_model", /iteration_indptr does not ascend/],
    "rounds of other trees": [(_file, _learner, booster) => void Object.assign(booster, { iteration_indptr: [0, 4] }), "malformed_model", /does not lead from 0 to the 6 trees/],
    "a best round past the last": [(_file, learner) => void Object.assign(learner["attributes"]!, { best_iteration: "6" }), "malformed_model", /best round is the 7th of 6/],
    "weights of trees": [(_file, _learner, booster) => void Object.assign(booster, { weight_drop: [1, 1, 0.5, 1, 1, 1] }), "unsupported_model", /its trees have weights/],
    "another number of features": [parameter({ num_feature: "5" }), "malformed_model", /4 feature names for 5 features/],
    "a feature named twice": [(_file, learner) => void Object.assign(learner["feature_names"]!, { 1: "log_price_vs_reference" }), "malformed_model", /named twice/],
    "a name that is none": [(_file, learner) => void Object.assign(learner["feature_names"]!, { 1: 5 }), "malformed_model", /a feature's name is 5/],
    "a base_score of no possible rate": [parameter({ base_score: "0E0" }), "malformed_model", /base_score 0 is not possible with a log link/],
    "a base_score that is no number": [parameter({ base_score: "NaN" }), "malformed_model", /base_score is "NaN"/],
    "an empty base_score": [parameter({ base_score: "[]" }), "malformed_model", /base_score is "\[\]"/],
    "a base_score for each of two outputs": [parameter({ base_score: "[1E0,2E0]" }), "unsupported_model", /several outputs/],
    "an objective with a name from everywhere": [(_file, learner) => void Object.assign(learner["objective"]!, { name: "constructor" }), "unsupported_model", /"constructor" predicts what is not known here/],
    "an older version": [(file) => void Object.assign(file, { version: [1, 6, 2] }), "unsupported_model", /XGBoost 1.6.2 wrote it/],
    "no version": [(file) => void delete file["version"], "malformed_model", /version/],
  };
  test.each(Object.keys(broken))("%s", (name) => {
    const [change, code, reason] = broken[name]!;
    expect(() => importXgboost(changed("tweedie", change))).toThrow(expect.objectContaining({ code, message: expect.stringMatching(reason) }));
  });

  test("text that is no JSON, or none of a model", () => {
    const bytes = bytesOf("poisson.json");
    const bad: readonly Uint8Array[] = [
      new Uint8Array(),
      encode("{"),
      encode("[]"),
      encode("null"),
      encode('{"version":[1,7,4]}'),
      encode("NaN"),
      Uint8Array.of(0xff, 0xfe, 0x00),
      bytes.subarray(0, bytes.length - 1),
      bytes.subarray(0, bytes.length / 2),
      encode(`{"learner":${"[".repeat(3_000_000)}`),
      encode(`{"version":[1,7,4],"learner":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`),
      encode(`"${'NaN\\"'.repeat(1_000_000)}`),
      new Uint8Array(64 * 1024 * 1024 + 1).fill(0x20),
    ];
    for (const file of bad) expect(() => importXgboost(file)).toThrow(expect.objectContaining({ code: "malformed_model" }));
  });

  test("a file of a million bad entries is refused at the first", () => {
    const many = new Array<number>(1_000_000).fill(0);
    const names = Array.from({ length: 300_000 }, (_, i) => `feature ${i}`);
    for (const change of [
      (_file: Json, _learner: Json, booster: Json) => void Object.assign(booster, { trees: many, tree_info: many, gbtree_model_param: { num_trees: "1000000", num_parallel_tree: "1" } }),
      (_file: Json, learner: Json) => void Object.assign(learner, { feature_names: many }),
      (_file: Json, learner: Json) => {
        Object.assign(learner, { feature_names: names });
        Object.assign(learner["learner_model_param"]!, { num_feature: "300000" });
      },
      inTree({ categories: many, categories_nodes: many, categories_segments: many, categories_sizes: many }),
    ]) {
      const message = ((): string => {
        try {
          importXgboost(changed("tweedie", change));
          return "";
        } catch (error) {
          return error instanceof TidemarkError ? error.message : `untyped: ${String(error)}`;
        }
      })();
      expect(message).toMatch(/XGBoost model/);
      expect(message.length).toBeLessThan(1_200);
    }
    const text = new TextDecoder().decode(changed("tweedie", inNode("split_conditions", 0, "deep"))).replace('"deep"', "[".repeat(100_000) + "]".repeat(100_000));
    expect(() => importXgboost(encode(text))).toThrow(expect.objectContaining({ code: "malformed_model", message: expect.stringContaining("is an array, no number") }));
  });

  test("whatever is changed in a file, it is refused by name or predicts numbers", { timeout: 60_000 }, () => {
    const text = bytesOf("categorical.json").toString().replaceAll("NaN", "null");
    const values = [...text.matchAll(/(?<=[[:,])(?:-?[\d.]+(?:E-?\d+)?|"[^"]*"|null)(?=[\],}])/g)];
    const other = fc.oneof(fc.integer({ min: -3, max: 20 }), fc.double({ noDefaultInfinity: true, noNaN: true }), fc.constantFrom(null, true, "", "1", "[1E0]", 1e300, 2 ** 31 - 1), fc.constant([]), fc.constant({}));
    let refused = 0;
    let kept = 0;
    fc.assert(
      fc.property(fc.nat({ max: values.length - 1 }), other, (at, value) => {
        const { index, 0: old } = values[at]!;
        let model: XgboostModel;
        try {
          model = importXgboost(encode(text.slice(0, index) + JSON.stringify(value) + text.slice(index + old.length)));
        } catch (error) {
          refused++;
          return error instanceof TidemarkError && (error.code === "malformed_model" || error.code === "unsupported_model");
        }
        kept++;
        return logRates(elasticityModelSchema.parse(model) as XgboostModel, noted("categorical")).every((rate) => !Number.isNaN(rate));
      }),
      { numRuns: 1_000, seed: 5 },
    );
    expect(Math.min(refused, kept)).toBeGreaterThan(100);
  });
});

describe("an artifact that holds one", () => {
  const model = importXgboost(bytesOf("categorical.json"));
  test("is refused when it could loop, read past its arrays or overflow", () => {
    const bad: Readonly<Record<string, Partial<XgboostModel>>> = {
      "a cycle": { left: model.left.with(0, 0) },
      "a column past the row": { feature: model.feature.with(0, COLUMNS) },
      "missing directions": { missing_left: [true] },
      "short arrays": { value: [0] },
      "a threshold beyond single precision": { threshold: model.threshold.with(0, 1e39) },
      "a value beyond single precision": { value: model.value.with(model.value.length - 1, -1e39) },
      "categories of a leaf": { category_sets: { [model.feature.indexOf(-1)]: [1] } },
      "categories of no node": { category_sets: { constructor: [1] } },
    };
    for (const [name, change] of Object.entries(bad)) expect(() => compilePredictor({ ...model, ...change }, COLUMNS), name).toThrow(expect.objectContaining({ code: "incompatible_artifact" }));
  });
});
