import {
  policyAnswerSchema,
  policyChangedAnswerSchema,
  type PolicyChangedAnswer,
  policyDiffAnswerSchema,
  policyListAnswerSchema,
  type PolicySimulateAnswer,
  policySimulateAnswerSchema,
  policyValidateAnswerSchema,
} from "../contracts/policy-api.ts";
import { TidemarkError } from "../lib/errors.ts";
import { number, textTable } from "../training/report/text-table.ts";
import { askEngine } from "./ask-engine.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";
import { readJsonFile } from "./read-json-file.ts";

type Options = CommandContext["options"];

const json = (value: unknown): string => JSON.stringify(value, null, 2);
const path = (policy_id: string, more = ""): string => `/policies/${encodeURIComponent(policy_id)}${more}`;

function query(options: Options, names: readonly string[]): string {
  const given = names.flatMap((name) => (typeof options[name] === "string" ? [[name, options[name]] as [string, string]] : []));
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/** Whole numbers are the engine's to judge; what is no number at all is told here. */
function whole(name: string, text: unknown): number | undefined {
  if (text === undefined) return undefined;
  if (typeof text !== "string" || !/^\d{1,9}$/.test(text)) throw new TidemarkError("bad_usage", `${name} must be a whole number, not ${String(text)}`);
  return Number(text);
}

function reasonOf({ reason }: Options): string {
  if (typeof reason !== "string" || reason.trim() === "") throw new TidemarkError("bad_usage", "--reason is needed: CONTROL keeps why prices changed");
  return reason;
}

/** `tidemark policy list`. */
export async function runPolicyList(context: CommandContext): Promise<number> {
  const { policies, platform } = await askEngine(context, "GET", "/policies", policyListAnswerSchema);
  if (context.options["json"] === true) console.log(json({ policies, platform }));
  else {
    const scope = ({ categories, courses }: (typeof policies)[number]["scope"]): string => [...categories, ...(courses.length > 3 ? [`${courses.length} courses`] : courses)].join(" ") || "everything";
    const rows = policies.map((each) => [each.policy_id, each.active === null ? "-" : String(each.active), String(each.latest ?? "-"), scope(each.scope), each.schedule.from?.slice(0, 16) ?? "-", each.schedule.to?.slice(0, 16) ?? "-", each.description]);
    console.log([...textTable(["policy", "in force", "newest", "for", "from", "until", ""], rows), "", `The platform as a whole goes by ${platform}.`].join("\n"));
  }
  return EXIT_OK;
}

/** `tidemark policy show`. */
export async function runPolicyShow(context: CommandContext): Promise<number> {
  const answer = await askEngine(context, "GET", path(context.arguments[0]!, query(context.options, ["revision"])), policyAnswerSchema);
  if (context.options["json"] === true) console.log(json(answer));
  else {
    const { policy_id, active, latest, retired, revision, document, changes } = answer;
    const rows = changes.map((change) => [change.time.slice(0, 16), change.type.slice("policy.".length), change.revision === null ? "-" : String(change.revision), change.author, change.ignored === undefined ? change.reason : `${change.reason} (changed nothing: ${change.ignored})`]);
    console.log([`${policy_id}: ${active === null ? (retired ? "retired" : "never in force") : `revision ${active} is in force`}, the newest is ${latest ?? "-"}`, "", ...textTable(["time", "what", "revision", "who", "why"], rows), "", `Revision ${revision ?? "-"}:`, json(document)].join("\n"));
  }
  return EXIT_OK;
}

function tell({ options }: CommandContext, answer: PolicyChangedAnswer): number {
  const { policy_id, revision, active, sequence } = answer;
  const drafted = revision !== null && active !== revision ? `revision ${revision} of ${policy_id} is drafted; ` : "";
  console.log(options["json"] === true ? json(answer) : `${drafted}${active === null ? `no revision of ${policy_id} is in force` : `revision ${active} of ${policy_id} is in force`} (CONTROL ${sequence})`);
  return EXIT_OK;
}

/** `tidemark policy draft`. */
export async function runPolicyDraft(context: CommandContext): Promise<number> {
  const [policy_id, file] = context.arguments;
  const reason = reasonOf(context.options);
  return tell(context, await askEngine(context, "PUT", path(policy_id!), policyChangedAnswerSchema, { policy: await readJsonFile(file!), reason }));
}

/** `tidemark policy validate`: ends with 2 when the document may not be activated. */
export async function runPolicyValidate(context: CommandContext): Promise<number> {
  const { policy } = context.options;
  const answer = await askEngine(context, "POST", "/policies/validate", policyValidateAnswerSchema, { policy: await readJsonFile(context.arguments[0]!), ...(typeof policy === "string" ? { policy_id: policy } : {}) });
  const { valid, conflicts, overlap } = answer;
  const lines = [...conflicts.map(({ rules, message }) => `${rules[0]} and ${rules[1]}: ${message}`), ...(overlap === null ? [] : [overlap.message])];
  console.log(context.options["json"] === true ? json(answer) : valid ? "The policy may be activated." : lines.join("\n"));
  return valid ? EXIT_OK : EXIT_PERMANENT;
}

/** `tidemark policy diff`. */
export async function runPolicyDiff(context: CommandContext): Promise<number> {
  const answer = await askEngine(context, "GET", path(context.arguments[0]!, `/diff${query(context.options, ["from", "to"])}`), policyDiffAnswerSchema);
  if (context.options["json"] === true) console.log(json(answer));
  else {
    const rows = answer.changes.map(({ field, from, to }) => [field, JSON.stringify(from), JSON.stringify(to)]);
    console.log(rows.length === 0 ? `Revisions ${answer.from} and ${answer.to} of ${answer.policy_id} say the same.` : textTable(["field", `revision ${answer.from}`, `revision ${answer.to}`], rows).join("\n"));
  }
  return EXIT_OK;
}

/** `tidemark policy activate`, `rollback` and `retire`. */
export async function runPolicyChange(context: CommandContext, change: "activate" | "rollback" | "retire"): Promise<number> {
  const [policy_id, revision] = context.arguments;
  const body = { reason: reasonOf(context.options), ...(change === "activate" ? { revision: whole("<revision>", revision) } : {}) };
  return tell(context, await askEngine(context, "POST", path(policy_id!, `/${change}`), policyChangedAnswerSchema, body));
}

/** `tidemark policy simulate`: a file, or a stored revision. */
export async function runPolicySimulate(context: CommandContext): Promise<number> {
  const { options } = context;
  const [policy_id] = context.arguments;
  const file = typeof options["file"] === "string" ? options["file"] : undefined;
  if ((file === undefined) === (policy_id === undefined)) throw new TidemarkError("bad_usage", "give either a policy or --file with a document");
  const revision = whole("--revision", options["revision"]);
  const decisions_max = whole("--decisions", options["decisions"]);
  const body = { ...(file === undefined ? { policy_id, ...(revision === undefined ? {} : { revision }) } : { policy: await readJsonFile(file) }), ...(decisions_max === undefined ? {} : { decisions_max }) };
  const answer = await askEngine(context, "POST", "/policies/simulate", policySimulateAnswerSchema, body);
  console.log(options["json"] === true ? json(answer) : simulationLines(answer).join("\n"));
  return EXIT_OK;
}

function simulationLines({ version, traffic, today, candidate, different, off_policy, drawn_share, reasoning, weighted_by }: PolicySimulateAnswer): string[] {
  const guardrails = [...new Set([...Object.keys(today.guardrails), ...Object.keys(candidate.guardrails)])].sort();
  const rows = [
    ["prices raised", String(today.raised), String(candidate.raised)],
    ["lowered", String(today.lowered), String(candidate.lowered)],
    ["unchanged", String(today.unchanged), String(candidate.unchanged)],
    ...guardrails.map((name) => [`guardrail ${name}`, String(today.guardrails[name] ?? 0), String(candidate.guardrails[name] ?? 0)]),
    ["tokens, by the model", number(today.expected_tokens), number(candidate.expected_tokens)],
    ["enrollments, by the model", number(today.expected_enrollments), number(candidate.expected_enrollments)],
  ];
  const { per_view, effective_draws, effective_courses, refusal } = off_policy.tokens;
  const estimate = ({ value, ci95 }: { value: number; ci95: readonly [number, number] }): string[] => [number(value), `${number(ci95[0])} to ${number(ci95[1])}`];
  return [
    `${version} on ${traffic.decisions} decisions from ${traffic.from ?? "-"} to ${traffic.to ?? "-"}: ${traffic.views} views, ${traffic.enrollments} enrollments, ${traffic.tokens} tokens${traffic.cut_short === null ? "" : `, cut short by the bound of ${traffic.cut_short}`}`,
    `${different} of them get another price${weighted_by === "decisions" ? "; no view cites a decision, so each counts as one view" : ""}`,
    "",
    ...textTable(["", today.version, candidate.version], rows),
    "",
    `Tokens a view by the prices that were drawn (${number(drawn_share * 100)} % of the views; they say as much as ${number(effective_draws)} draws of ${number(effective_courses)} courses)${refusal === null ? "" : `: no verdict, ${refusal}`}`,
    ...(per_view === null
      ? []
      : textTable(["", "estimate", "95 % interval"], [["as logged", ...estimate(per_view.logged)], ["doubly robust", ...estimate(per_view.doubly_robust)], ["normalised weights", ...estimate(per_view.snips)], ["plain weights", number(per_view.ips), "-"], ["gain, doubly robust", ...estimate(per_view.uplift_doubly_robust)]])),
    "",
    reasoning,
  ];
}
