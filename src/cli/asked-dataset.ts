import { type DatasetName, datasetNames } from "../contracts/worker-protocol.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { CommandContext } from "./command.ts";
import { oneOf } from "./one-of-option.ts";

/** The dataset that is asked for; undefined when none is. */
export function askedDataset(options: CommandContext["options"]): DatasetName | undefined {
  const dataset = oneOf("--dataset", options["dataset"], datasetNames);
  if (dataset !== undefined && (options["table"] !== undefined || options["all"] === true)) throw new TidemarkError("bad_usage", "give one of --table, --all and --dataset");
  return dataset;
}
