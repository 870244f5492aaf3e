import type { PropensityHealth } from "../../../contracts/propensity-health.ts";
import type { PropensityInfoAnswer } from "../../../contracts/propensity-info.ts";
import { healthLimits } from "../../../models/propensity/score-health.ts";
import type { ChartColour, ChartSpec } from "../chart.ts";
import { Figure } from "../figure.tsx";
import { formatMinute, formatNumber, formatShare, formatWhole } from "../format.ts";
import { Badge, Bar, DataTable, Empty, Section } from "../parts.tsx";

const words = (name: string): string => name.replaceAll("_", " ");
const figure = (value: number | null | undefined): string => (value === null || value === undefined ? "–" : formatNumber(value));
const INPUTS_MAX = 8;

interface LearnerModelsProps {
  readonly propensity: PropensityInfoAnswer;
  readonly health: PropensityHealth | undefined;
}

/** The champions that score learners: as their run judged them, and as what has happened since does. */
export function LearnerModels({ propensity, health }: LearnerModelsProps) {
  return (
    <>
      <Section
        title="What learners are about to do"
        id="learners"
        aside={
          <>
            {propensity.version}, {formatWhole(propensity.rows)} rows{propensity.pinned && ", pinned"}
            {propensity.run_id !== null && (
              <>
                {" · "}
                <a href={`/admin/models/runs/${propensity.run_id}`}>the whole report of the run</a>
              </>
            )}
          </>
        }
      >
        <DataTable
          label="Models of learners"
          columns={["Question", "Champion", { number: "Base rate" }, { number: "AUC" }, { number: "Log loss" }, { number: "Calibration error" }, { number: "Calibration slope" }]}
        >
          {propensity.dimensions.map(({ dimension, champion, base_rate, candidates }) => {
            const metrics = candidates.find((candidate) => candidate.champion)?.metrics ?? {};
            return (
              <tr>
                <th scope="row">{words(dimension)}</th>
                <td>{words(champion)}</td>
                <td class="number">{base_rate === null ? "–" : formatShare(base_rate)}</td>
                <td class="number">{figure(metrics["auc"])}</td>
                <td class="number">{figure(metrics["log_loss"])}</td>
                <td class="number">{figure(metrics["ece"])}</td>
                <td class="number">{figure(metrics["slope"])}</td>
              </tr>
            );
          })}
        </DataTable>
      </Section>
      <Section title="How they do on what has happened since" id="health" aside={health === undefined ? undefined : `Taken ${formatMinute(Date.parse(health.time))}, on cut-offs from ${formatMinute(Date.parse(health.fitted_to))} on whose windows have passed.`}>
        {health === undefined ? <Empty title="Nothing has been measured yet">The train role looks every two hours; figures come once labels have matured.</Empty> : <Health health={health} version={propensity.version} />}
      </Section>
    </>
  );
}

function Health({ health, version }: { readonly health: PropensityHealth; readonly version: string }) {
  const { dimensions, breaches, inputs, retrain_opened_for, model_version } = health;
  const moved = inputs.toSorted((a, b) => b.psi - a.psi);
  return (
    <>
      {model_version !== version && <p class="notice">These figures are those of {model_version}, which served before. The next look is at {version}.</p>}
      {breaches.length === 0 ? (
        <p>
          <Badge tone="good">healthy</Badge> Nothing is beyond its limit.
        </p>
      ) : (
        <ul class="notice bad">
          {breaches.map(({ detail }) => (
            <li>{detail}</li>
          ))}
        </ul>
      )}
      {retrain_opened_for !== null && <p class="muted">A retrain was opened for {retrain_opened_for}.</p>}
      <DataTable
        label="Health of the models of learners"
        columns={["Question", { number: "Learners judged" }, { number: "It happened to" }, { number: "AUC" }, { number: "AUC in training" }, { number: "Calibration error" }, { number: "Calibration slope" }, { number: "Shift of scores, PSI" }]}
      >
        {dimensions.map(({ dimension, rows, positives, auc, auc_se, auc_trained, ece, slope, slope_se, score_psi }) => (
          <tr>
            <th scope="row">{words(dimension)}</th>
            <td class="number">{formatWhole(rows)}</td>
            <td class="number">{formatWhole(positives)}</td>
            <td class="number">
              {auc === null ? "too early" : formatNumber(auc)} {auc_se !== null && <span class="muted">± {formatNumber(1.96 * auc_se)}</span>}
            </td>
            <td class="number">{figure(auc_trained)}</td>
            <td class="number">{figure(ece)}</td>
            <td class="number">
              {figure(slope)} {slope_se !== null && <span class="muted">± {formatNumber(1.96 * slope_se)}</span>}
            </td>
            <td class="number">{figure(score_psi)}</td>
          </tr>
        ))}
      </DataTable>
      <Rolling health={health} />
      {moved.length > 0 && (
        <DataTable
          label="Inputs that have moved"
          caption={<>Inputs that have moved most since the fit (population stability index; {healthLimits.input_psi_max} is the limit of one)</>}
          columns={["Input", "Shift", { number: "PSI" }]}
        >
          {moved.slice(0, INPUTS_MAX).map(({ name, psi }) => (
            <tr>
              <th scope="row">{words(name)}</th>
              <td class="with-bar">
                <Bar share={psi / (2 * healthLimits.input_psi_max)} tone={psi > healthLimits.input_psi_max ? "orange" : "teal"} />
              </td>
              <td class="number">{formatNumber(psi)}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </>
  );
}

const colours: readonly ChartColour[] = ["teal", "orange", "indigo", "grey"];

/** One figure of every question by cut-off; questions have cut-offs of their own. */
function rollingChart({ dimensions }: PropensityHealth, figureOf: "auc" | "ece", label: string): ChartSpec {
  const times = [...new Set(dimensions.flatMap(({ rolling }) => rolling.map(({ at }) => Date.parse(at))))].sort((a, b) => a - b);
  return {
    x: { label: "Cut-off (UTC)", quantity: "date", values: times.map((at_ms) => at_ms / 1_000) },
    y: { label, quantity: "number", from_zero: figureOf === "ece" },
    series: dimensions.map(({ dimension, rolling }, i) => ({
      label: words(dimension),
      values: times.map((at_ms) => rolling.find(({ at }) => Date.parse(at) === at_ms)?.[figureOf] ?? null),
      line: i % 2 === 0 ? "solid" : "dashed",
      colour: colours[i % colours.length]!,
    })),
  };
}

function Rolling({ health }: { readonly health: PropensityHealth }) {
  if (health.dimensions.every(({ rolling }) => rolling.length < 2)) return <Empty title="One cut-off so far">Figures over time come with the second whose window has passed.</Empty>;
  return (
    <div class="figures two section">
      <Figure id="health-auc" title="Area under the curve, by cut-off" look="0.5 is guessing; a line that falls is a model that grows old." chart={rollingChart(health, "auc", "area under the curve")} />
      <Figure id="health-ece" title="Calibration error, by cut-off" look={`Mean distance between score and what happened; ${healthLimits.ece_max} is the limit.`} chart={rollingChart(health, "ece", "mean distance")} />
    </div>
  );
}
