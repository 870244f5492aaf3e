import type { ModelsAnswer } from "../../../contracts/model-api.ts";
import { stageNames, type TrainingSignal } from "../../../contracts/training-run.ts";
import type { ChartSpec } from "../chart.ts";
import { Figure } from "../figure.tsx";
import { formatCount, formatMinute, formatNumber } from "../format.ts";
import { Badge, DataTable, Empty } from "../parts.tsx";

type Run = ModelsAnswer["runs"][number];

const words = (name: string): string => name.replaceAll("_", " ");
/** Progress that is older was told by a run that does not go on. */
const SILENT_MS = 120_000;
const ROWS_MAX = 10;

/** Where the run is that trains at the moment, or how the last one ended. */
export function TrainingNow({ progress, now_ms }: { readonly progress: TrainingSignal | undefined; readonly now_ms: number }) {
  if (progress === undefined) return <p class="lead-line">No training run has been told of lately.</p>;
  const { run_id, family, status, stage, step, done, total, time } = progress;
  if (status !== "running") {
    return (
      <p class="lead-line">
        The last training of {family} {status === "completed" ? "ended" : "failed"} at {formatMinute(Date.parse(time))}: <a href={`/admin/models/runs/${run_id}`}>its report</a>.
      </p>
    );
  }
  if (now_ms - Date.parse(time) > SILENT_MS) return <p class="lead-line">A training of {family} was interrupted at {formatMinute(Date.parse(time))}: the next start of `tidemark train` resumes it.</p>;
  const at = stageNames.indexOf(stage);
  return (
    <section class="card training" aria-label="Training under way">
      <p>
        <Badge tone="good">training</Badge> <strong>{family}</strong>: {words(stage)}, {step}
      </p>
      <progress value={at + (total > 0 ? Math.min(1, done / total) : 0)} max={stageNames.length} aria-label={`Training of ${family}`} />
      <ol class="stages">
        {stageNames.map((name, i) => (
          <li class={i < at ? "done" : i === at ? "now" : ""} aria-current={i === at ? "step" : undefined}>
            {name}
          </li>
        ))}
      </ol>
      <p class="muted">
        Stage {at + 1} of {stageNames.length}
        {total > 0 && `; ${formatCount(done)} of ${formatCount(total)}`}
        {Object.entries(progress.metrics)
          .slice(0, 4)
          .map(([name, value]) => `; ${words(name)} ${formatNumber(value)}`)
          .join("")}
        .
      </p>
    </section>
  );
}

/** Losses of one run after the other, all held out: whether models get better, and whether naive forecasts would do. */
function lossesChart(runs: readonly Run[], metric: string): ChartSpec {
  const of = (loss: (run: Run) => number | null | undefined): (number | null)[] => runs.map((run) => loss(run) ?? null);
  return {
    x: { label: "Run began, day (UTC)", quantity: "date", values: runs.map(({ started_at }) => Date.parse(started_at) / 1_000) },
    y: { label: words(metric), quantity: "number", from_zero: false },
    series: [
      { label: "Challenger", values: of(({ losses }) => losses?.challenger), line: "solid", colour: "teal" },
      { label: "Champion of the day", values: of(({ losses }) => losses?.champion), line: "dashed", colour: "indigo" },
      { label: "Best naive forecast", values: of(({ losses }) => losses?.naive), line: "dashed", colour: "grey" },
      { label: "Promoted", values: of(({ losses, promoted }) => (promoted ? losses?.challenger : null)), line: "dots", colour: "orange" },
    ],
  };
}

/** Runs of a family over time: their losses as a chart, and each with its verdict. */
export function Runs({ models: { family, runs } }: { readonly models: ModelsAnswer }) {
  if (runs.length === 0) return <Empty title="No run is kept">Every run of training leaves its figures here, promoted or not.</Empty>;
  const metric = runs.find(({ losses }) => losses !== null)?.losses?.metric;
  const judged = runs.filter(({ losses }) => losses !== null && losses.metric === metric).toReversed();
  return (
    <>
      {metric === undefined || judged.length < 2 ? (
        <Empty title="One judged run so far">Figures over time come with the second.</Empty>
      ) : (
        <Figure id={`runs-${family}`} title={`Held-out ${words(metric)} of each run, lower is better`} look="Each run is judged on weeks of its own, which differ in difficulty: compare the lines, not the runs." chart={lossesChart(judged, metric)} />
      )}
      <DataTable label={`Runs of ${family}`} columns={["Run", "Outcome", { number: "Challenger" }, { number: "Champion" }, { number: "Naive" }, "Why"]}>
        {runs.slice(0, ROWS_MAX).map(({ run_id, started_at, trigger, status, promoted, losses, reason }) => (
          <tr>
            <th scope="row">
              <a href={`/admin/models/runs/${run_id}`}>{formatMinute(Date.parse(started_at))}</a>
              <span class="under">by {trigger}</span>
            </th>
            <td>
              <Badge tone={promoted ? "good" : status === "failed" ? "bad" : "plain"}>{promoted ? "promoted" : status === "failed" ? "failed" : "not promoted"}</Badge>
            </td>
            {[losses?.challenger, losses?.champion, losses?.naive].map((loss) => (
              <td class="number">{loss === undefined || loss === null ? "–" : loss.toFixed(4)}</td>
            ))}
            <td>{reason}</td>
          </tr>
        ))}
      </DataTable>
      {runs.length > ROWS_MAX && <p class="muted">The latest {ROWS_MAX} of {runs.length} runs.</p>}
    </>
  );
}
