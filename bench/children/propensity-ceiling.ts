/** The best model of one dimension on many populations' rows. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Dimension } from "../../src/contracts/propensity.ts";
import { must } from "../../src/lib/assert.ts";
import { binMatrix } from "../../src/models/binning.ts";
import { boostingDefaults, fitBoosting } from "../../src/models/boosting.ts";
import { fitHazardBoosting, hazardBoostingDefaults } from "../../src/models/propensity/hazard-boosting.ts";
import { estimateSensitivity } from "../../src/models/propensity/price-sensitivity.ts";
import { answer } from "../child.ts";
import type { Ceiling, CeilingJob } from "../propensity.ts";
import { readHazardRows, readSensitivityRows } from "../propensity-rows.ts";

const { dimension, folders, folder }: CeilingJob = JSON.parse(must(process.argv[2], "job"));
/** Populations that stop the fits early. */
const VALIDATION = Math.max(1, Math.round(folders.length / 10));

function ceilingOf(dimension: Dimension): Ceiling {
  if (dimension !== "price_sensitivity") {
    const rows = readHazardRows(folders, dimension, VALIDATION);
    const { model, offsets } = fitHazardBoosting(rows, binMatrix(rows.values, rows.rows, rows.columns, rows.train_rows), { ...hazardBoostingDefaults, seed: 1, trees_max: 400, depth: 6, leaf_hessian_min: 20, patience: 20 });
    return { model, offsets: [...offsets], rows: rows.train_rows };
  }
  const { rows, truth } = readSensitivityRows(folders);
  const all = rows.learner.length;
  const train_rows = Math.round(0.9 * all);
  // What the inputs hold of the truth, were it seen.
  const oracle = fitBoosting({ values: rows.inputs, columns: rows.columns, y: truth.map(Math.log), exposure: new Float64Array(all).fill(1), train_rows, rows: all }, { ...boostingDefaults, loss: "squared", decreasing_columns: 0, trees_max: 300, seed: 1 });
  return { sensitivity: estimateSensitivity(rows, 1), oracle: oracle.model, rows: rows.row.length };
}

const ceiling = ceilingOf(dimension);
writeFileSync(join(folder, `${dimension}.json`), JSON.stringify(ceiling));
answer({ rows: ceiling.rows });
