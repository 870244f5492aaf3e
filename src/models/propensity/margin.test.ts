import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NetworkModel, PropensityTrees } from "../../contracts/propensity.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { Prng } from "../../lib/prng.ts";
import { fitHazardBoosting, hazardBoostingDefaults } from "./hazard-boosting.ts";
import { fitHazardForest, hazardForestDefaults } from "./hazard-forest.ts";
import { fitLogistic } from "./logistic-regression.ts";
import { compileMargin, type InputModel } from "./margin.ts";
import { syntheticRows } from "./testing.ts";
import { TreeShapley } from "./tree-shapley.ts";

const COLUMNS = 5;

/** Random trees that may use an input several times on one way down. */
function randomTrees(random: Prng, kind: "boosting" | "forest"): PropensityTrees {
  const trees: PropensityTrees = { kind, base: kind === "boosting" ? 0.3 : 0, roots: [], feature: [], threshold: [], left: [], right: [], value: [], cover: [] };
  const grow = (depth: number, cover: number): number => {
    const at = trees.feature.push(-1) - 1;
    trees.threshold.push(0);
    trees.left.push(0);
    trees.right.push(0);
    trees.value.push(kind === "forest" ? random.uniform() : random.normal());
    trees.cover.push(cover);
    if (depth === 0 || cover < 2 || random.uniform() < 0.2) return at;
    const leftCover = 1 + random.integer(cover - 1);
    trees.feature[at] = random.integer(COLUMNS);
    trees.threshold[at] = random.normal();
    trees.left[at] = grow(depth - 1, leftCover);
    trees.right[at] = grow(depth - 1, cover - leftCover);
    return at;
  };
  for (let tree = 0; tree < 3; tree++) trees.roots.push(grow(5, 200));
  return trees;
}

/** What the trees are worth where only the inputs in `known` (a bit each) are. */
function worth({ roots, feature, threshold, left, right, value, cover }: PropensityTrees, row: Float64Array, known: number): number {
  const at = (node: number): number => {
    const column = feature[node]!;
    if (column < 0) return value[node]!;
    if (((known >> column) & 1) === 1) return at(row[column]! <= threshold[node]! ? left[node]! : right[node]!);
    return (cover[left[node]!]! * at(left[node]!) + cover[right[node]!]! * at(right[node]!)) / cover[node]!;
  };
  return roots.reduce((sum, root) => sum + at(root), 0);
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

/** By the definition: over all sets of the other inputs. */
function bruteForce(trees: PropensityTrees, row: Float64Array): number[] {
  return Array.from({ length: COLUMNS }, (_, input) => {
    let sum = 0;
    for (let set = 0; set < 2 ** COLUMNS; set++) {
      if (((set >> input) & 1) === 1) continue;
      const size = [...set.toString(2)].filter((bit) => bit === "1").length;
      sum += (factorial(size) * factorial(COLUMNS - size - 1) * (worth(trees, row, set | (1 << input)) - worth(trees, row, set))) / factorial(COLUMNS);
    }
    return sum;
  });
}

function randomRow(random: Prng): Float64Array {
  return Float64Array.from({ length: COLUMNS }, () => 1.5 * random.normal());
}

describe("Shapley values of trees", () => {
  test("are those of the definition, over all sets of inputs", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Prng(`shapley ${seed}`);
        const trees = randomTrees(random, "boosting");
        const row = randomRow(random);
        const into = new Float64Array(COLUMNS);
        new TreeShapley(trees).values(row, 0, into);
        for (const [i, own] of bruteForce(trees, row).entries()) expect(into[i]).toBeCloseTo(own, 9);
      }),
      { numRuns: 200 },
    );
  });

  test("are refused where the cover does not add up", () => {
    const trees = randomTrees(new Prng("cover"), "boosting");
    trees.cover[trees.left[trees.roots[0]!]!]! += 5;
    expect(() => new TreeShapley(trees)).toThrow(TidemarkError);
  });
});

function randomNetwork(random: Prng): NetworkModel {
  const normals = (length: number): number[] => Array.from({ length }, () => random.normal());
  const layers = [
    { units: 7, weights: normals(COLUMNS * 7), bias: normals(7) },
    { units: 4, weights: normals(28), bias: normals(4) },
  ];
  return { kind: "network", mean: normals(COLUMNS), scale: normals(COLUMNS).map((x) => 0.1 + Math.abs(x)), layers, head: { weights: normals(4), bias: random.normal() } };
}

describe("contributions", () => {
  const data = syntheticRows({ seed: "margins", rows: 1_200, train_rows: 900, columns: COLUMNS, margin: (x) => x[0]! - 0.5 * x[1]! * x[2]! });
  const models: [string, InputModel][] = [
    ["logistic", fitLogistic(data).model],
    ["boosting", fitHazardBoosting(data, data.binned, { ...hazardBoostingDefaults, trees_max: 20, seed: 1 }).model],
    ["forest", fitHazardForest(data, data.binned, { ...hazardForestDefaults, trees: 5, seed: 1 }).model],
    ["random boosting", randomTrees(new Prng(1), "boosting")],
    ["random forest", randomTrees(new Prng(2), "forest")],
    ["network", randomNetwork(new Prng(3))],
    ["network without a trunk", { ...randomNetwork(new Prng(4)), layers: [], head: { weights: [1, -2, 3, -4, 5], bias: 0.5 } }],
  ];

  test.each(models)("%s: sum to the margin less the average learner's, at any place of a row", (_, model) => {
    const margin = compileMargin(model, COLUMNS);
    const random = new Prng("contributions");
    const into = new Float64Array(COLUMNS);
    for (let i = 0; i < 200; i++) {
      const row = new Float64Array(COLUMNS + 3).fill(99);
      row.set(randomRow(random), 2);
      margin.contributions(row, 2, into);
      const sum = into.reduce((total, own) => total + own, 0);
      expect(sum).toBeCloseTo(margin.margin(row, 2) - margin.average, 8);
    }
  });

  test("an input that no tree splits gets nothing", () => {
    const trees = randomTrees(new Prng(9), "boosting");
    const into = new Float64Array(COLUMNS);
    const spared = { ...trees, feature: trees.feature.map((own) => (own === 4 ? 3 : own)) };
    compileMargin(spared, COLUMNS).contributions(randomRow(new Prng(7)), 0, into);
    expect(into[4]).toBe(0);
    expect(into.some((own) => own !== 0)).toBe(true);
  });

  test("a network's margin is what its layers say", () => {
    const model = randomNetwork(new Prng(11));
    const row = randomRow(new Prng(12));
    let input = Array.from(row, (x, i) => (x - model.mean[i]!) / model.scale[i]!);
    for (const { units, weights, bias } of model.layers) input = Array.from({ length: units }, (_, u) => Math.max(0, input.reduce((sum, x, i) => sum + x * weights[i * units + u]!, bias[u]!)));
    expect(compileMargin(model, COLUMNS).margin(row, 0)).toBeCloseTo(input.reduce((sum, x, i) => sum + x * model.head.weights[i]!, model.head.bias), 10);
  });

  test("models that do not fit are refused", () => {
    const [logistic, network, trees] = [models[0]![1], randomNetwork(new Prng(5)), randomTrees(new Prng(6), "boosting")];
    const broken: InputModel[] = [
      { ...(logistic as Extract<InputModel, { kind: "logistic" }>), coefficients: [1] },
      { ...network, mean: [0] },
      { ...network, head: { weights: [1], bias: 0 } },
      { ...network, layers: [{ ...network.layers[0]!, bias: [] }] },
      { ...trees, left: trees.left.map(() => 0) },
      { ...trees, feature: trees.feature.map((own) => (own < 0 ? own : 17)) },
      { ...trees, cover: [] },
      { ...trees, kind: "forest", roots: [] },
      { ...randomTrees(new Prng(8), "forest"), value: randomTrees(new Prng(8), "forest").value.map(() => 1.5) },
    ];
    for (const model of broken) expect(() => compileMargin(model, COLUMNS)).toThrow(expect.objectContaining({ code: "incompatible_artifact" }) as Error);
  });
});
