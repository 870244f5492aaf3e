import { experimentAnswerSchema, type ExperimentAnswer, type ExperimentsAnswer, experimentsAnswerSchema, powerAnswerSchema } from "../contracts/experiment-api.ts";
import type { Figure } from "../contracts/experiment-results.ts";
import { number, textTable } from "../training/report/text-table.ts";
import { askEngine } from "./ask-engine.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { readJsonFile } from "./read-json-file.ts";

const json = (value: unknown): string => JSON.stringify(value, null, 2);
const path = (experiment_id: string, change = ""): string => `/experiments/${encodeURIComponent(experiment_id)}${change}`;
const text = (options: CommandContext["options"], name: string): string | undefined => (typeof options[name] === "string" ? options[name] : undefined);

/** `tidemark experiment list`. */
export async function runExperimentList(context: CommandContext): Promise<number> {
  const experiments: ExperimentsAnswer["experiments"] = [];
  for (let next: string | null = ""; next !== null; ) {
    const page: ExperimentsAnswer = await askEngine(context, "GET", next === "" ? "/experiments" : `/experiments?after=${next}`, experimentsAnswerSchema);
    experiments.push(...page.experiments);
    ({ next } = page);
  }
  if (context.options["json"] === true) console.log(json(experiments));
  else if (experiments.length === 0) console.log("No experiments yet: `tidemark experiment define` makes one.");
  else {
    const rows = experiments.map(({ experiment_id, phase, from, until, experiment }) => [experiment_id, phase, experiment.unit.kind, experiment.metric, experiment.arms.map(({ name }) => name).join("/"), from?.slice(0, 16) ?? "-", until?.slice(0, 16) ?? "-"]);
    console.log(textTable(["experiment", "phase", "unit", "metric", "arms", "from", "until"], rows).join("\n"));
  }
  return EXIT_OK;
}

/** `tidemark experiment define`: from a JSON file. */
export async function runExperimentDefine(context: CommandContext): Promise<number> {
  const [experiment_id, file] = context.arguments;
  const experiment = await readJsonFile(file!);
  return tell(context, await askEngine(context, "POST", "/experiments", experimentAnswerSchema, { experiment_id, experiment, reason: text(context.options, "reason") }));
}

/** `tidemark experiment start` and `stop`. */
export async function runExperimentChange(context: CommandContext, change: "start" | "stop"): Promise<number> {
  const body = { reason: text(context.options, "reason"), ...(change === "stop" ? { verdict: text(context.options, "verdict") } : {}) };
  return tell(context, await askEngine(context, "POST", path(context.arguments[0]!, `/${change}`), experimentAnswerSchema, body));
}

/** `tidemark experiment results`. */
export async function runExperimentResults(context: CommandContext): Promise<number> {
  return tell(context, await askEngine(context, "GET", path(context.arguments[0]!), experimentAnswerSchema));
}

/** `tidemark experiment power`: a plan from a JSON file, as POST /experiments/power takes it. */
export async function runExperimentPower(context: CommandContext): Promise<number> {
  const answer = await askEngine(context, "POST", "/experiments/power", powerAnswerSchema, await readJsonFile(context.arguments[0]!));
  if (context.options["json"] === true) {
    console.log(json(answer));
    return EXIT_OK;
  }
  const relative = answer.relative_effect === null ? "" : ` (${number(answer.relative_effect * 100)} % of ${number(answer.baseline.mean)})`;
  console.log(
    answer.units === null
      ? `An effect of ${number(answer.effect)}${relative} is never found.`
      : `An effect of ${number(answer.effect)}${relative} is found with probability ${answer.power} by the time that ${answer.units} units have been counted, after ${answer.days} days; with one look at the end ${number(answer.units_of_one_look)} would do.`,
  );
  return EXIT_OK;
}

function tell({ options }: CommandContext, answer: ExperimentAnswer): number {
  console.log(options["json"] === true ? json(answer) : lines(answer).join("\n"));
  return EXIT_OK;
}

const interval = (figure: Figure | { low: number; high: number }): string => (figure === null ? "-" : `${number(figure.low)} to ${number(figure.high)}`);

function lines({ experiment_id, phase, from, until, conflicts_with, experiment, verdict, results }: ExperimentAnswer): string[] {
  const head = `${experiment_id}: ${phase}, ${experiment.metric} by ${experiment.unit.kind}${from === null ? "" : `, from ${from}`}${until === null ? "" : ` until ${until}`}`;
  const conflicts = conflicts_with.length === 0 ? [] : [`  ${phase === "draft" ? "cannot start beside" : "assigns nobody because of"} ${conflicts_with.join(", ")}`];
  if (results === null) return [head, ...conflicts];
  const arms = results.arms.map(({ name, price, probability, units, counted, mean, stopped_at }) => [name, price, number(probability), String(units), String(counted), number(mean), stopped_at?.slice(0, 16) ?? ""]);
  const comparisons = results.comparisons.map((one) => [`${one.arm} - ${one.against}`, number(one.effect), one.interval === null ? "-" : interval(one.interval), number(one.p_value), one.cuped === null ? "-" : `${number(one.cuped.variance_reduction * 100)} %`]);
  const guardrails = results.guardrails.map((one) => [`${one.metric} of ${one.arm}`, number(one.worse_by?.value), interval(one.worse_by), number(one.worse_by_max), one.breached ? "breached" : ""]);
  const figures = results.business.arms.flatMap(({ arm, figures: own }) => Object.entries(own).map(([name, figure]) => [`${name} of ${arm}`, number(figure.arm?.value), number(figure.holdout?.value), number(figure.difference?.value), interval(figure.difference)]));
  return [
    head,
    ...conflicts,
    `  ${results.verdict.decision}: ${results.verdict.reason}`,
    ...(verdict === null ? [] : [`  concluded: ${verdict}`]),
    ...(results.sample_ratio === null ? [] : [`  sample ratio: p = ${number(results.sample_ratio.p_value)}${results.sample_ratio.ok ? "" : ", which blocks a verdict"}`]),
    "",
    ...textTable(["arm", "price", "share", "units", "counted", "mean", "stopped"], arms),
    "",
    ...textTable(["comparison", "effect", "always-valid interval", "p", "CUPED takes off"], comparisons),
    ...(guardrails.length === 0 ? [] : ["", ...textTable(["guardrail", "worse by", "interval", "allowed", ""], guardrails)]),
    ...(figures.length === 0 ? [] : ["", ...textTable(["per unit", "arm", `${results.business.holdout}`, "difference", "95 % interval"], figures)]),
  ];
}
