import type { ExperimentResults, Figure as Estimate } from "../../../contracts/experiment-results.ts";
import { formatChange, formatCount, formatMinute, formatNumber, formatShare, formatWhole } from "../format.ts";
import { Badge, DataTable, Empty, Section, Tile } from "../parts.tsx";

const decisionWords: Readonly<Record<ExperimentResults["verdict"]["decision"], string>> = { not_started: "Not started", too_early: "Too early to say", blocked: "Blocked", better: "Better", worse: "Worse", undecided: "Undecided" };

const intervalText = (estimate: Estimate): string => (estimate === null ? "–" : `${formatNumber(estimate.value)} (${formatNumber(estimate.low)} to ${formatNumber(estimate.high)})`);

/** Verdict, arms, comparisons and guardrails of an experiment as of now. */
export function Results({ results, alpha, metric }: { readonly results: ExperimentResults; readonly alpha: number; readonly metric: string }) {
  const { verdict, sample_ratio, comparisons, arms, guardrails, business } = results;
  const units = arms.reduce((total, arm) => total + arm.units, 0);
  return (
    <>
      <section class={`card hero ${verdict.decision === "better" ? "increase" : verdict.decision === "worse" || verdict.decision === "blocked" ? "decrease" : ""}`} aria-label="Verdict">
        <p class="kicker">Verdict</p>
        <p class="price-change">
          <strong>{decisionWords[verdict.decision]}</strong> {verdict.arm !== null && <span class="unit">{verdict.arm}</span>}
        </p>
        <p class="reasoning">{verdict.reason}</p>
        <dl class="tiles compact">
          <Tile label="Days" value={formatCount(results.days)} />
          <Tile label="Units" value={formatWhole(units)} note={results.share_read < 1 ? `an even sample of ${formatShare(results.share_read)} was read` : "all were read"} />
          <Tile label="Sample ratio" value={sample_ratio === null ? "–" : sample_ratio.ok ? "as assigned" : "off"} note={sample_ratio === null ? "nothing counted yet" : `p = ${formatNumber(sample_ratio.p_value)}`} />
        </dl>
      </section>
      <SampleRatioAlarm sample_ratio={sample_ratio} />
      <Section title="Arms" id="arms">
        <div class="scroll" tabindex={0} role="region" aria-label="Arms">
          <table class="data">
            <thead>
              <tr>
                <th scope="col">Arm</th>
                <th scope="col">Prices</th>
                <th scope="col" class="number">Share</th>
                <th scope="col" class="number">Units</th>
                <th scope="col" class="number">Counted</th>
                <th scope="col" class="number">Mean {metric}</th>
              </tr>
            </thead>
            <tbody>
              {arms.map(({ name, price, probability, stopped_at, units: own, counted, mean }) => (
                <tr>
                  <th scope="row">
                    {name} {stopped_at !== null && <Badge tone="bad">stopped {formatMinute(Date.parse(stopped_at))}</Badge>}
                  </th>
                  <td>{price}</td>
                  <td class="number">{formatShare(probability)}</td>
                  <td class="number" data-value>
                    {formatWhole(own)}
                  </td>
                  <td class="number">{formatWhole(counted)}</td>
                  <td class="number">{mean === null ? "–" : formatNumber(mean)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Section>
      <Section title="Comparisons" id="comparisons" aside={`Always valid: they may be looked at every day. Level ${formatShare(alpha)} over all arms.`}>
        {comparisons.length === 0 ? (
          <Empty title="Nothing to compare yet">Outcomes count once they are final.</Empty>
        ) : (
          <DataTable
            label="Comparisons"
            columns={["Arm", "Against", { number: "Effect" }, { number: "Relative" }, { number: "Interval" }, { number: "p, always valid" }, { number: "Variance taken off" }]}
          >
            {comparisons.map(({ arm, against, effect, relative_effect, interval, p_value, cuped }) => (
              <tr>
                <th scope="row">{arm}</th>
                <td>{against}</td>
                <td class="number">{effect === null ? "–" : formatNumber(effect)}</td>
                <td class="number">{relative_effect === null ? "–" : formatChange(relative_effect * 100)}</td>
                <td class="number">{interval === null ? "–" : `${formatNumber(interval.low)} to ${formatNumber(interval.high)}`}</td>
                <td class="number">{formatNumber(p_value)}</td>
                <td class="number">{cuped === null ? "–" : formatShare(cuped.variance_reduction)}</td>
              </tr>
            ))}
          </DataTable>
        )}
      </Section>
      {guardrails.length > 0 && (
        <Section title="Guardrails" id="guardrails" aside="An arm is stopped once it is certain to be worse than the control arm by more than its limit.">
          <DataTable label="Guardrails" columns={["Metric", "Arm", { number: "Worse by" }, { number: "At most" }, "Standing"]}>
            {guardrails.map(({ metric: name, arm, worse_by, worse_by_max, breached }) => (
              <tr>
                <th scope="row">{name.replaceAll("_", " ")}</th>
                <td>{arm}</td>
                <td class="number">{intervalText(worse_by)}</td>
                <td class="number">{formatNumber(worse_by_max)}</td>
                <td>
                  <Badge tone={breached ? "bad" : "good"}>{breached ? "breached" : "kept"}</Badge>
                </td>
              </tr>
            ))}
          </DataTable>
        </Section>
      )}
      {business.holdout !== null && (
        <Section title="Beside the hold-out" id="business" aside="95 % intervals of this moment, for reading once: what decides is the comparison.">
          <Business business={business} />
        </Section>
      )}
    </>
  );
}

/** Nothing of an experiment is to be believed whose arms lose units. */
export function SampleRatioAlarm({ sample_ratio }: Pick<ExperimentResults, "sample_ratio">) {
  if (sample_ratio === null || sample_ratio.ok) return null;
  return (
    <p class="notice bad" role="alert">
      <strong>The arms do not have the sizes that they were assigned.</strong> Something loses units of one arm: no verdict is given until that is explained.
    </p>
  );
}

/** Business figures of each arm beside those of the hold-out. */
export function Business({ business }: { readonly business: ExperimentResults["business"] }) {
  const known = business.arms.some(({ figures }) => Object.values(figures).some(({ difference }) => difference !== null));
  if (!known) return <Empty title="No outcome is final yet">Figures come with the first ones.</Empty>;
  return (
    <DataTable label="Beside the hold-out" columns={["Figure", "Arm", { number: "Arm's" }, { number: "Hold-out's" }, { number: "Difference" }]}>
      {business.arms.flatMap(({ arm, figures }) =>
        Object.entries(figures).map(([name, figure]) => (
          <tr>
            <th scope="row">{name.replaceAll("_", " ")}</th>
            <td>{arm}</td>
            <td class="number">{intervalText(figure.arm)}</td>
            <td class="number">{intervalText(figure.holdout)}</td>
            <td class="number">{intervalText(figure.difference)}</td>
          </tr>
        )),
      )}
    </DataTable>
  );
}
