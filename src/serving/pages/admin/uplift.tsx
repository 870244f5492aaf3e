import type { ExperimentAnswer, ExperimentsAnswer } from "../../../contracts/experiment-api.ts";
import type { ExperimentResults } from "../../../contracts/experiment-results.ts";
import type { Ask } from "../ask.ts";
import { formatChange, formatNumber, formatShare, formatWhole } from "../format.ts";
import { Badge, Empty, Pending, Tile } from "../parts.tsx";
import { Business, SampleRatioAlarm } from "./experiment-results.tsx";

/** A running experiment that keeps a hold-out, and what it says so far. */
export interface HoldoutComparison {
  readonly experiment_id: string;
  readonly holdout_share: number;
  readonly results: ExperimentResults;
}

/** The first running experiment that keeps a hold-out; null: there is none. */
export async function againstHoldout(ask: Ask): Promise<HoldoutComparison | null> {
  const { experiments } = await ask.get<ExperimentsAnswer>("/experiments?phase=running&limit=200");
  const kept = experiments.find(({ experiment }) => experiment.holdout_share > 0);
  if (kept === undefined) return null;
  const { results } = await ask.get<ExperimentAnswer>(`/experiments/${kept.experiment_id}`);
  return results === null ? null : { experiment_id: kept.experiment_id, holdout_share: kept.experiment.holdout_share, results };
}

/** What the engine's prices are worth beside list prices. undefined: it is still being read. */
export function Uplift({ comparison }: { readonly comparison: HoldoutComparison | null | undefined }) {
  if (comparison === undefined) return <Pending>Reading what the hold-out did…</Pending>;
  if (comparison === null) {
    return (
      <Empty title="No hold-out yet">
        Without learners who go on paying list prices nobody can tell what the engine's prices are worth: figures that rise may have risen anyway. <a href="/admin/experiments">Start an experiment with a hold-out</a>; five in a hundred learners are enough to begin with.
      </Empty>
    );
  }
  const { experiment_id, holdout_share, results } = comparison;
  return (
    <>
      <p class="muted">
        Experiment <a href={`/admin/experiments/${experiment_id}`}>{experiment_id}</a>, day {formatWhole(Math.floor(results.days) + 1)}: {formatShare(holdout_share)} of its units pay list prices. Intervals are 95 % ones of this moment; what decides is the experiment's own comparison.
      </p>
      <SampleRatioAlarm sample_ratio={results.sample_ratio} />
      <Headline business={results.business} />
      <Business business={results.business} />
    </>
  );
}

/** The difference in revenue of each arm, of the hold-out's own. */
function Headline({ business: { arms } }: Pick<ExperimentResults, "business">) {
  const known = arms.flatMap(({ arm, figures }) => {
    const { holdout, difference } = figures["revenue_tokens"] ?? { holdout: null, difference: null };
    return holdout === null || difference === null ? [] : [{ arm, holdout, difference }];
  });
  if (known.length === 0) return null;
  return (
    <dl class="tiles">
      {known.map(({ arm, holdout, difference: { value, low, high } }) => {
        const share = (tokens: number): string => formatChange((tokens / holdout.value) * 100);
        const certain = low > 0 ? "good" : high < 0 ? "bad" : "plain";
        return (
          <Tile
            label={`Uplift in revenue, ${arm}`}
            value={holdout.value > 0 ? share(value) : `${formatNumber(value)} tokens`}
            trend={<Badge tone={certain}>{certain === "plain" ? "may be chance" : certain === "good" ? "more than the hold-out" : "less than the hold-out"}</Badge>}
            note={`${holdout.value > 0 ? `${share(low)} to ${share(high)}; ` : ""}${formatNumber(value)} tokens a unit (${formatNumber(low)} to ${formatNumber(high)}) beside the hold-out's ${formatNumber(holdout.value)}`}
          />
        );
      })}
    </dl>
  );
}
