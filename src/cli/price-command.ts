import { optimizeAnswerSchema, type OptimizeAnswer } from "../contracts/api.ts";
import { idSchema } from "../contracts/fields.ts";
import { objectiveSchema } from "../contracts/policy.ts";
import { readKeyFile } from "../serving/gate.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { engineUrl } from "./nats-url.ts";
import { oneOf } from "./one-of-option.ts";
import { formatCount } from "./progress.ts";
import { wholeOption } from "./whole-option.ts";

const TIMEOUT_MS = 10_000;
const TOKENS_MAX = 1_000_000_000;

function text(answer: OptimizeAnswer): string {
  const { course_id, current_price, optimal_price, price_range, expected, elasticity, recommendation, model, policy, degraded } = answer;
  const change = optimal_price - current_price;
  const facts: readonly (readonly [string, string])[] = [
    ["price", `${current_price} → ${optimal_price} tokens (${change > 0 ? "+" : ""}${change}), reasonable from ${price_range.min} to ${price_range.max}`],
    ["expected", `${formatCount(expected.current_revenue)} → ${formatCount(expected.optimized_revenue)} tokens in ${expected.horizon_days} days, ${formatCount(expected.interval.low)} to ${formatCount(expected.interval.high)} with 95 %`],
    ["elasticity", `${elasticity.value.toFixed(2)} (${elasticity.ci95.map((end) => end.toFixed(2)).join(" to ")}), ${elasticity.type}, from ${elasticity.source}`],
    ["advice", `${recommendation.action}, confidence ${(100 * recommendation.confidence).toFixed(0)} %, risk ${recommendation.risk}`],
    ["by", `model ${model}, policy ${policy}${degraded === undefined ? "" : `; DEGRADED: ${degraded.join(", ")}`}`],
  ];
  const steps = answer.waterfall.map(({ name, price, reason }) => `  ${String(Math.round(price)).padStart(8)}  ${name}: ${reason}`);
  return [course_id ?? "", ...facts.map(([name, value]) => `  ${name.padEnd(10)} ${value}`), "", answer.reasoning, "", ...steps].join("\n");
}

async function ask(url: string, body: object, key: string | undefined): Promise<Response> {
  try {
    const headers = { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) };
    return await fetch(`${url}/optimize_price`, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new TidemarkError("engine_unreachable", `nothing answers at ${url} (${errorMessage(error)}): run \`tidemark start\` or \`tidemark serve\`, or say where the engine is with --engine-url`, { cause: error });
  }
}

/** `tidemark price`: what a price call answers, with everything behind it. */
export async function runPriceCommand({ read: { config }, options, arguments: [course_id] }: CommandContext): Promise<number> {
  const course = idSchema.safeParse(course_id);
  if (!course.success) throw new TidemarkError("bad_usage", `the course is ${JSON.stringify(course_id)}\n  allowed: ${course.error.issues[0]?.message}`);
  const objective = oneOf("--objective", options["objective"], objectiveSchema.options);
  const current_price = options["currentPrice"] === undefined ? undefined : wholeOption("--current-price", options["currentPrice"], TOKENS_MAX);
  const url = engineUrl(config);
  const response = await ask(url, { course_id: course.data, objective, current_price }, config.key_file === null ? undefined : await readKeyFile(config.key_file));
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 401 || response.status === 403) throw new TidemarkError("no_access", `${url} asks for a key with the role price: name a file with one by --key-file`);
  if (!response.ok) {
    const { code = "failed", detail = `status ${response.status}` } = (body ?? {}) as { readonly code?: string; readonly detail?: string };
    throw new TidemarkError(response.status >= 500 ? "engine_failed" : code, `${url}: ${detail}`);
  }
  console.log(options["json"] === true ? JSON.stringify(body, null, 2) : text(optimizeAnswerSchema.parse(body)));
  return EXIT_OK;
}
