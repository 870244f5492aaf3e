import type { SharedMatrix } from "../../contracts/worker-protocol.ts";
import { fillPropensityRow, propensityInputNames } from "../../models/propensity/inputs.ts";
import { shareableDoubles } from "../shared-memory.ts";

/** What models see of every row. */
export function inputsMatrix({ rows, columns, values }: SharedMatrix): SharedMatrix {
  const width = propensityInputNames.length;
  const inputs = shareableDoubles(rows * width);
  for (let row = 0; row < rows; row++) fillPropensityRow(values.subarray(row * columns, (row + 1) * columns), inputs, row * width);
  return { rows, columns: width, values: inputs };
}
