/** The shipped boosting on the bench's data: seconds of the fit alone, and the mean deviance of the test rows. */
import { fitBoosting } from "../../src/models/boosting.ts";
import { poissonDeviance } from "../../src/models/metrics.ts";
import { compilePredictor } from "../../src/models/predictor.ts";
import { ThreadTeam } from "../../src/training/tree-team.ts";
import { answer } from "../child.ts";
import { makeTreeData } from "../tree-data.ts";
import { type BoostingSettings } from "../train.ts";

const settings = JSON.parse(process.argv[2] ?? "") as BoostingSettings;
const { columns, rows, train_rows, values, binned, y } = makeTreeData(settings.train_rows, settings.columns, "counts");
const team = new ThreadTeam(settings.threads);
const exposure = new Float64Array(rows).fill(1);
const started_ms = performance.now();
const { model } = fitBoosting(
  { values, columns, y, exposure, train_rows, rows: train_rows },
  { loss: "poisson", trees_max: settings.trees, depth: settings.depth, learning_rate: settings.learning_rate, lambda: settings.lambda, leaf_hessian_min: settings.leaf_hessian_min, step_max: settings.step_max, gain_min: 0, patience: 0, subsample: 1, column_sample: 1, decreasing_columns: 0, seed: 1 },
  team,
  binned,
);
const seconds = (performance.now() - started_ms) / 1000;
await team.close();
const predictor = compilePredictor(model, columns);
let deviance = 0;
for (let row = train_rows; row < rows; row++) deviance += poissonDeviance(y[row]!, Math.exp(predictor.logRate(values, row * columns)));
answer({ seconds, deviance: deviance / (rows - train_rows), nodes: model.feature.length });
