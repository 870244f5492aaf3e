import { idSchema } from "../contracts/fields.ts";
import { objectiveSchema } from "../contracts/policy.ts";
import type { BatchRow } from "../contracts/price-batch.ts";
import { systemClock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { readKeyFile } from "../serving/gate.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";
import { engineUrl } from "./nats-url.ts";
import { oneOf } from "./one-of-option.ts";
import { allCourses, type Engine, optimizeCourses, pricesCsv, type TestGroups } from "./optimized-prices.ts";
import { createProgress, formatCount } from "./progress.ts";
import { writeOutput } from "./write-output.ts";

const SHARE = 0.5;
const SEED = "optimize";

function groupsOf({ options }: CommandContext): TestGroups {
  const share = options["testShare"] === undefined ? SHARE : Number(options["testShare"]);
  if (!(share >= 0 && share <= 1)) throw new TidemarkError("bad_usage", "--test-share must be a number from 0 to 1");
  const seed = options["testSeed"];
  return { share, seed: typeof seed === "string" ? seed : SEED };
}

async function coursesOf({ options, arguments: named }: CommandContext, engine: Engine): Promise<readonly string[]> {
  const all = options["all"] === true;
  if (all === named.length > 0) throw new TidemarkError("bad_usage", "name courses, or give --all");
  if (all) return allCourses(engine);
  for (const course_id of named) if (!idSchema.safeParse(course_id).success) throw new TidemarkError("bad_usage", `${JSON.stringify(course_id)} is no course id: 1 to 64 characters of A-Z a-z 0-9 _ -`);
  return named;
}

interface Totals {
  readonly courses: number;
  readonly dearer: number;
  readonly cheaper: number;
  readonly increase_pct_mean: number;
}

function totalsOf(rows: readonly BatchRow[]): Totals {
  return {
    courses: rows.length,
    dearer: rows.filter(({ current_price, optimal_price }) => optimal_price > current_price).length,
    cheaper: rows.filter(({ current_price, optimal_price }) => optimal_price < current_price).length,
    increase_pct_mean: rows.length === 0 ? 0 : rows.reduce((sum, { increase_pct }) => sum + increase_pct, 0) / rows.length,
  };
}

function summary({ courses, dearer, cheaper, increase_pct_mean }: Totals): string {
  return `${formatCount(courses)} courses: ${formatCount(dearer)} dearer, ${formatCount(cheaper)} cheaper, the others as they are; expected revenue ${increase_pct_mean.toFixed(1)} % higher, on average over courses`;
}

/** `tidemark optimize`: the prices of all courses, or of those named, as a CSV file. Nothing is changed: who applies the prices is the platform. */
export async function runOptimizeCommand(context: CommandContext): Promise<number> {
  const { read, options } = context;
  const { config } = read;
  const out = options["out"];
  if (typeof out !== "string" || out === "") throw new TidemarkError("bad_usage", "--out must name the file that the prices are written to");
  const objective = oneOf("--objective", options["objective"], objectiveSchema.options);
  const groups = groupsOf(context);
  const engine = { url: engineUrl(config), key: config.key_file === null ? undefined : await readKeyFile(config.key_file) };
  const courses = await coursesOf(context, engine);
  const phase = createProgress(process.stderr, systemClock).phase("optimize");
  try {
    const { rows, unknown_courses } = await optimizeCourses(engine, courses, objective, (done) => phase.update("courses", done, courses.length));
    await writeOutput(out, new TextEncoder().encode(pricesCsv(rows, groups)));
    const totals = totalsOf(rows);
    phase.done(`${out}: ${summary(totals)}`);
    if (options["json"] === true) console.log(JSON.stringify({ out, ...totals, unknown_courses }, null, 2));
    if (unknown_courses.length > 0) console.error(`not known: ${unknown_courses.join(", ")}`);
    return EXIT_OK;
  } catch (error) {
    phase.failed("no file was written");
    throw error;
  }
}
