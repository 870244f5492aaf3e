import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { CommandContext } from "./command.ts";
import { EXIT_OK } from "./exit-codes.ts";

const ANSWER_MS = 5_000;
const LATE_LINE = /^tidemark_ingest_late_total\{state="([^"]+)"\} (\d+)$/gm;

async function metricsText(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await response.text();
    if (response.ok && text.includes("tidemark_ingest_late_total")) return text;
    throw new Error("something else listens there");
  } catch (error) {
    throw new TidemarkError("ingest_unreachable", `no ingest tells its figures on 127.0.0.1:${port}: ${errorMessage(error)}`, { cause: error });
  }
}

/** `tidemark late`: counts since that ingest started, most first. */
export async function runLateCommand({ read: { config }, options }: CommandContext): Promise<number> {
  const port = config.ingest_metrics_port;
  if (port === 0) throw new TidemarkError("bad_usage", "the running ingest counts what comes too late: start it with TIDEMARK_INGEST_METRICS_PORT set, and set the same here");
  const text = await metricsText(port);
  const states = [...text.matchAll(LATE_LINE)].map((match) => ({ state: match[1] ?? "", updates: Number(match[2]) })).sort((a, b) => b.updates - a.updates);
  if (options["json"] === true) {
    console.log(JSON.stringify(Object.fromEntries(states.map(({ state, updates }) => [state, updates])), null, 2));
    return EXIT_OK;
  }
  for (const { state, updates } of states) console.log(`${String(updates).padStart(12)}  ${state}`);
  console.log(states.length === 0 ? "Nothing came too late since ingest started." : "Updates left out as too late since ingest started, by state.");
  return EXIT_OK;
}
