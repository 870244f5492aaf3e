import type { ModelInfoAnswer } from "../../../contracts/api.ts";
import type { TrainingReport } from "../../../contracts/training-run.ts";
import type { ChartSpec } from "../chart.ts";
import { Figure } from "../figure.tsx";
import { formatCount, formatDay, formatMinute, formatNumber, formatShare, formatWhole } from "../format.ts";
import { Badge, Bar, DataTable, Empty, Section, Tile } from "../parts.tsx";

const words = (name: string): string => name.replaceAll("_", " ");

const seconds = (value: number | null): string => (value === null ? "not known" : `${formatCount(value)} s`);

/** The champion of demand: how good it is, what it rests on, and whether its run found anything wrong. */
export function Demand({ model, report }: { readonly model: ModelInfoAnswer; readonly report: TrainingReport | undefined }) {
  const champion = model.candidates.find((candidate) => candidate.champion);
  const { value, ci95, identified, source } = model.elasticity_coefficient;
  const most = Math.max(0.001, ...Object.values(champion?.feature_importance ?? {}));
  const important = Object.entries(champion?.feature_importance ?? {}).sort(([, a], [, b]) => b - a);
  return (
    <>
      <p class="lead-line">
        {words(model.champion)} {model.version} {model.pinned && <Badge tone="warn">pinned</Badge>} · trained {model.trained_at === null ? "at a time not known" : formatMinute(Date.parse(model.trained_at))} on {formatDay(Date.parse(model.data_range.from))} to {formatDay(Date.parse(model.data_range.to))}
        {model.run_id !== null && (
          <>
            {" · "}
            <a href={`/admin/models/runs/${model.run_id}`}>the whole report of the run</a>
          </>
        )}
      </p>
      <dl class="tiles">
        <Tile label="Skill over the naive forecast" value={champion === undefined ? "–" : formatShare(champion.metrics.skill)} note="less deviance on held-out weeks" />
        <Tile label="Poisson deviance" value={champion === undefined ? "–" : formatNumber(champion.metrics.poisson_deviance)} note={champion === undefined ? "" : `on ${formatWhole(champion.metrics.rows)} course-weeks held out`} />
        <Tile label="Causal elasticity" value={identified ? formatNumber(value) : "not identified"} note={identified ? `${formatNumber(ci95[0])} to ${formatNumber(ci95[1])} (95 %), from ${source} jitter` : "randomised prices say nothing of it yet"} />
        <Tile label="Training" value={seconds(model.training_seconds)} note={`all candidates, ${champion?.backend ?? "–"} backend`} />
      </dl>
      <Section title="Champion and candidates" id="candidates" aside="On weeks after everything that they were fitted to or chosen on. Lower deviance is better.">
        <DataTable
          label="Candidates"
          columns={["Candidate", { number: "Deviance" }, { number: "Skill" }, { number: "R², log" }, { number: "RMSE, log" }, { number: "MAPE, log" }, { number: "WAPE" }, { number: "Own slope" }, { number: "Training" }]}
        >
          {model.candidates
            .toSorted((a, b) => a.metrics.poisson_deviance - b.metrics.poisson_deviance)
            .map((candidate) => (
              <tr class={candidate.champion ? "chosen" : ""}>
                <th scope="row">
                  {words(candidate.name)} {candidate.champion && <Badge tone="good">champion</Badge>}
                </th>
                <td class="number">{candidate.metrics.poisson_deviance.toFixed(4)}</td>
                <td class="number">{formatShare(candidate.metrics.skill)}</td>
                <td class="number">{formatNumber(candidate.metrics.r2_log)}</td>
                <td class="number">{formatNumber(candidate.metrics.rmse_log)}</td>
                <td class="number">{formatNumber(candidate.metrics.mape_log)}</td>
                <td class="number">{formatNumber(candidate.metrics.wape)}</td>
                <td class="number">{formatNumber(candidate.elasticity)}</td>
                <td class="number">{seconds(candidate.training_seconds)}</td>
              </tr>
            ))}
        </DataTable>
      </Section>
      <div class="figures two section">
        <div class="figure">
          <h2>What the champion rests on</h2>
          <p class="muted">Share of what shuffling a feature costs.</p>
          <table class="data plain">
            <thead class="visually-hidden">
              <tr>
                <th scope="col">Feature</th>
                <th scope="col">Bar</th>
                <th scope="col">Share</th>
              </tr>
            </thead>
            <tbody>
              {important.slice(0, 13).map(([name, share]) => (
                <tr>
                  <th scope="row">{words(name)}</th>
                  <td class="with-bar">
                    <Bar share={share / most} />
                  </td>
                  <td class="number">{formatShare(share)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <Calibration report={report} />
      </div>
      <Drift report={report} />
    </>
  );
}

function Calibration({ report }: { readonly report: TrainingReport | undefined }) {
  const calibration = report?.analysis.calibration.find(({ candidate }) => candidate === report.verdict?.challenger) ?? report?.analysis.calibration[0];
  if (calibration === undefined || calibration.bins.length < 2) {
    return <Empty title="No calibration to show">The run's report is not there: it was pruned, or the broker is away.</Empty>;
  }
  const { bins } = calibration;
  const chart: ChartSpec = {
    x: { label: "Predicted, enrollments per view", quantity: "share", values: bins.map(({ predicted }) => predicted) },
    y: { label: "observed, per view", quantity: "share", from_zero: true },
    series: [
      { label: "Observed", values: bins.map(({ observed }) => observed), line: "dots", colour: "teal", band: { label: "95 % interval", low: bins.map(({ ci95 }) => ci95[0]), high: bins.map(({ ci95 }) => ci95[1]) } },
      { label: "Perfect", values: bins.map(({ predicted }) => predicted), line: "dashed", colour: "grey" },
    ],
  };
  return <Figure id="calibration" title={`Calibration of ${words(calibration.candidate)}, enrollments per view`} look="Tenths of the held-out rows: on the dashed line, predictions come true." chart={chart} tall />;
}

function Drift({ report }: { readonly report: TrainingReport | undefined }) {
  const checks = report?.checks.filter(({ name }) => name.startsWith("drift.") || name.startsWith("leakage.") || name.startsWith("quality.")) ?? [];
  if (checks.length === 0) return null;
  const drift = report?.analysis.drift.toSorted((a, b) => b.psi - a.psi) ?? [];
  return (
    <Section title="Checks of the run" id="checks" aside="Leakage and drift between what it was trained and judged on; data quality.">
      <DataTable label="Checks" columns={["Check", "Status", { number: "Value" }, { number: "Limit" }, "What it says"]}>
        {checks.map(({ name, status, value, limit, detail }) => (
          <tr>
            <th scope="row">{words(name)}</th>
            <td>
              <Badge tone={status === "ok" ? "good" : status === "warn" ? "warn" : "bad"}>{status}</Badge>
            </td>
            <td class="number">{value === null ? "–" : formatNumber(value)}</td>
            <td class="number">{limit === null ? "–" : formatNumber(limit)}</td>
            <td>{detail}</td>
          </tr>
        ))}
      </DataTable>
      {drift.length > 0 && (
        <p class="muted">
          Largest drift of a feature (population stability index; 0.25 is much):{" "}
          {drift
            .slice(0, 3)
            .map(({ feature, psi }) => `${words(feature)} ${formatNumber(psi)}`)
            .join(", ")}
          .
        </p>
      )}
    </Section>
  );
}
