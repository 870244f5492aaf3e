import type { Comparison, TrainingReport } from "../../../contracts/training-run.ts";
import { counted, percent } from "../format.ts";

/** What came of a run, in the words that stand at its top. */
export interface Outcome {
  readonly tone: "good" | "plain" | "bad" | "busy";
  readonly mark: string;
  readonly headline: string;
  /** Plain sentences. */
  readonly why: readonly string[];
  /** How the challenger compares with each opponent, under a line of their own. */
  readonly gains?: { readonly on: string; readonly against: readonly string[] };
}

/** How much lower the challenger's loss is, as a share of the opponent's, with its 95 % interval. null where the opponent's loss is 0. */
export function improvement({ theirs, difference, ci95: [low, high] }: Comparison): { readonly value: number; readonly low: number; readonly high: number } | null {
  return theirs > 0 ? { value: -difference / theirs, low: -high / theirs, high: -low / theirs } : null;
}

/** "better by 2.1 % (95 %: 1.0 % to 3.2 %)", "equal", or why neither can be said. */
export function improvementText(comparison: Comparison): string {
  const gain = improvement(comparison);
  if (gain === null) return "not comparable: the opponent loses nothing";
  if (gain.value === 0 && gain.low === 0 && gain.high === 0) return "equal";
  return `${gain.value < 0 ? "worse" : "better"} by ${percent(Math.abs(gain.value), 2)} (95\u00A0%: ${percent(gain.low, 2)} to ${percent(gain.high, 2)})`;
}

function judged({ verdict, family, candidates }: TrainingReport): Outcome {
  if (verdict === null) return { tone: "plain", mark: "–", headline: "Ended without a verdict", why: ["No candidate was judged, so that whatever served before goes on serving."] };
  const { challenger, promoted, reason, comparisons } = verdict;
  const rows = candidates.find(({ selected }) => selected)?.forward.rows;
  const gains = {
    on: `On ${rows === undefined ? "the held-out rows" : counted(rows, "row")} after everything that it was trained or selected on, against`,
    against: comparisons.map((comparison) => `${comparison.passed ? "✓" : "✕"} ${comparison.opponent}: ${improvementText(comparison)}`),
  };
  const compared = comparisons.length > 0 && { gains };
  if (promoted) {
    const replaced = comparisons.find(({ kind }) => kind === "champion");
    return { tone: "good", mark: "✓", headline: `Promoted: ${challenger} serves as the ${family} model`, why: [replaced === undefined ? "No champion stood against it." : `It takes over from ${replaced.opponent}.`], ...compared };
  }
  // What it failed to beat is told by the comparisons; any other reason only the verdict knows.
  const other = comparisons.every(({ passed }) => passed) ? [`${reason}.`] : [];
  return { tone: "plain", mark: "✕", headline: `Not promoted: ${challenger} does not serve`, why: ["What served before goes on serving.", ...other], ...compared };
}

export function outcomeOf(report: TrainingReport): Outcome {
  const { status, failure, stages, verdict } = report;
  if (status === "failed") {
    const where = failure === null ? "" : ` in the stage ${failure.stage}`;
    const why = failure === null ? "The record does not say why." : `${failure.message} (${failure.code})`;
    if (verdict?.promoted === true) return { tone: "bad", mark: "✕", headline: `Failed${where}, after ${verdict.challenger} was promoted`, why: [why] };
    return { tone: "bad", mark: "✕", headline: `Failed${where}: nothing is promoted`, why: [why, "What served before goes on serving."] };
  }
  if (status === "running") {
    const at = stages.find((stage) => stage.status === "running")?.name;
    return { tone: "busy", mark: "…", headline: at === undefined ? "Under way" : `Under way: in the stage ${at}`, why: ["This page shows the run as far as it has come."] };
  }
  return judged(report);
}
