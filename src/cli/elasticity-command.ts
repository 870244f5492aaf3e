import { open } from "node:fs/promises";
import { type ElasticityReport, elasticityReportSchema } from "../contracts/elasticity-report.ts";
import { TemporaryFile } from "../ingest/export/temporary-file.ts";
import { systemClock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { estimateElasticity, type Estimated } from "./elasticity-estimate.ts";
import { type AskedElasticity, askedElasticity } from "./elasticity-options.ts";
import { elasticitySample, type ElasticitySample } from "./elasticity-sample.ts";
import { elasticityTable } from "./elasticity-table.ts";
import { createProgress, formatCount } from "./progress.ts";

function specification(asked: AskedElasticity): ElasticityReport["specification"] {
  const { data, method, group_method, form, quantity, price, controls, instruments, fixed_effects, clusters, errors, weights, exposure, offset } = asked;
  const { panel_time, first_differences, group, seed, folds, repeats } = asked;
  const what = { data, method, group_method, form, quantity, price, weights, exposure, offset };
  const by = { controls: [...controls], instruments: [...instruments], fixed_effects: [...fixed_effects], clusters: [...clusters], errors, panel_time, first_differences, group };
  const drawn = method === "dml";
  return { ...what, ...by, seed, folds: drawn ? folds : null, repeats: drawn ? repeats : null };
}

function reportOf(asked: AskedElasticity, built: ElasticitySample, { result, heterogeneity, used, left_out, clusters, notes }: Estimated): ElasticityReport {
  const rows = { ...built.rows, used, ...left_out };
  return elasticityReportSchema.parse({ kind: "elasticity_report", version: 1, specification: specification(asked), rows, clusters, result, heterogeneity, notes });
}

async function writeReport(path: string, text: string, force: boolean): Promise<void> {
  const temporary = new TemporaryFile(path, force);
  try {
    const file = await open(temporary.path, "wx");
    await file.writeFile(text).finally(() => file.close());
    await temporary.sync();
    temporary.check();
    temporary.commit();
  } catch (error) {
    temporary.discard();
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError("output_failed", `${path} cannot be written: ${errorMessage(error)}`, { cause: error });
  }
}

/**
 * `tidemark elasticity`: how a quantity answers a price in a table of anybody's, with errors that can be believed. "Not identified" is an answer and ends with 0.
 */
export async function runElasticityCommand({ read: { config }, options, signal }: CommandContext): Promise<number> {
  const asked = askedElasticity(options, config.seed);
  const out = options["out"];
  if (out !== undefined && (typeof out !== "string" || out === "")) throw new TidemarkError("bad_usage", "--out is empty: name the file for the JSON report");
  // On standard error, so that what is printed can be piped.
  const progress = createProgress(process.stderr, systemClock);
  const phase = progress.phase("elasticity");
  const stopIfAsked = (): void => {
    if (signal.aborted) throw new TidemarkError("elasticity_stopped", "stopped: nothing was written");
  };
  const pause = async (): Promise<void> => {
    await new Promise(setImmediate);
    stopIfAsked();
  };
  let report: ElasticityReport;
  try {
    const built = await elasticitySample(asked, (rows) => {
      stopIfAsked();
      phase.note(`${formatCount(rows)} rows read`);
    });
    const estimated = await estimateElasticity(asked, built, { onRepeat: (done) => phase.update("draws", done, asked.repeats), pause });
    report = reportOf(asked, built, estimated);
    phase.done(`${formatCount(report.rows.used)} rows`);
  } catch (error) {
    phase.failed(errorMessage(error).split("\n")[0] ?? "");
    throw error;
  }
  const json = JSON.stringify(report, null, 2);
  if (typeof out === "string") await writeReport(out, `${json}\n`, options["force"] === true);
  console.log(options["json"] === true ? json : elasticityTable(report));
  return EXIT_OK;
}
