import { binaryDimensions, PROPENSITY_FAMILY, PROPENSITY_FORMAT, type PropensityArtifact } from "../../contracts/propensity.ts";
import { must } from "../../lib/assert.ts";
import { propensityInputNames } from "../../models/propensity/inputs.ts";
import { quantilesOf } from "../../models/propensity/quantile-rank.ts";
import { lineageOf, type RunIdentity, versioned } from "../artifact-identity.ts";
import { rowsBefore } from "../split.ts";
import type { PropensityDataset } from "./dataset.ts";
import { propensityDefinitions, windowMs } from "./definitions.ts";
import { inputsMatrix } from "./inputs-matrix.ts";
import type { Training } from "./outputs.ts";
import { dimensionBlocks } from "./windows.ts";

/** Tenths of the training rows, for drift. */
const QUANTILES = 10;

function inputQuantiles(dataset: PropensityDataset): PropensityArtifact["inputs"] {
  const { train } = must(dimensionBlocks(dataset, "enrollment"), "a dataset has cut-offs for the shortest windows");
  const { rows, columns, values } = inputsMatrix({ ...dataset.features, rows: rowsBefore(dataset.period, train.to) });
  return propensityInputNames.map((name, column) => ({ name, quantiles: quantilesOf(Float64Array.from({ length: rows }, (_, row) => values[row * columns + column]!), QUANTILES) }));
}

/** The end of the last window that anything was fitted to or selected on. */
function fittedTo(dataset: PropensityDataset): number {
  const ends = binaryDimensions.flatMap((dimension) => {
    const blocks = dimensionBlocks(dataset, dimension);
    return blocks === undefined ? [] : [dataset.at_ms[blocks.validation.to - 1]! + windowMs(propensityDefinitions[dimension])];
  });
  return Math.max(...ends);
}

/**
 * The artifact of a run, all that serving needs. Its bytes, and with them its version, depend on events, seed, code and tensor backend alone, as
 * those of the elasticity family do.
 */
export function propensityArtifact(dataset: PropensityDataset, binary: PropensityArtifact["binary"], price: Training["price"], run: RunIdentity): PropensityArtifact {
  const draft: PropensityArtifact = {
    format: PROPENSITY_FORMAT,
    family: PROPENSITY_FAMILY,
    version: "draft",
    input_names: [...propensityInputNames],
    binary,
    price_sensitivity: { definition: { ...propensityDefinitions.price_sensitivity }, ...price.sensitivity },
    inputs: inputQuantiles(dataset),
    lineage: lineageOf(dataset.range, run, fittedTo(dataset), dataset.learner.length),
  };
  return versioned(draft);
}
