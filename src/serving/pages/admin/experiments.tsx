import type { ExperimentAnswer, ExperimentsAnswer } from "../../../contracts/experiment-api.ts";
import { readId } from "../../body.ts";
import { formatMinute, formatShare } from "../format.ts";
import { type Page, platformSubject, within } from "../page.ts";
import { Badge, DataTable, Empty, Section } from "../parts.tsx";
import type { PlatformTrends } from "../platform-trend.ts";
import { ExperimentEditor } from "./experiment-editor.tsx";
import { Results } from "./experiment-results.tsx";

type Summary = ExperimentsAnswer["experiments"][number];

const phaseTones: Readonly<Record<Summary["phase"], "good" | "warn" | "plain">> = { draft: "warn", scheduled: "warn", running: "good", ended: "plain", stopped: "plain" };

/** /admin/experiments: what is compared, on whom, and what came of it. */
export const experimentsPage = (trends: PlatformTrends): Page => ({
  path: "/admin/experiments",
  place: "experiments",
  summary: "experiments: what they compare, on whom, since when",
  subject: platformSubject,
  live_s: 15,
  content: async ({ ask, wait_ms }) => {
    const [{ experiments }, trend] = await Promise.all([ask.get<ExperimentsAnswer>("/experiments"), within(trends.trend(), wait_ms)]);
    return {
      title: "Experiments",
      body: (
        <>
          <h1>Experiments</h1>
          {experiments.length === 0 ? <Empty title="No experiment yet">Define one below: it assigns nobody before its start.</Empty> : <List experiments={experiments} />}
          <Section title="Define one" id="define" aside="Two arms or more, or one and a hold-out. A draft can be defined anew; once started it is fixed.">
            <ExperimentEditor trend={trend} />
          </Section>
        </>
      ),
    };
  },
});

function List({ experiments }: { readonly experiments: readonly Summary[] }) {
  return (
    <div class="section">
      <DataTable label="Experiments" columns={["Experiment", "Phase", "Arms", "Metric", "From – to"]}>
        {experiments.map(({ experiment_id, phase, experiment, from, until, conflicts_with }) => (
          <tr>
            <th scope="row">
              <a href={`/admin/experiments/${experiment_id}`}>{experiment_id}</a>
              {conflicts_with.length > 0 && <span class="under">in the way of {conflicts_with.join(", ")}</span>}
            </th>
            <td>
              <Badge tone={phaseTones[phase]}>{phase}</Badge>
            </td>
            <td>
              {experiment.arms.map(({ name }) => name).join(", ")}
              {experiment.holdout_share > 0 && `, hold-out of ${formatShare(experiment.holdout_share)}`}
            </td>
            <td>{experiment.metric}</td>
            <td>
              {from === null ? "not started" : formatMinute(Date.parse(from))} – {until === null ? "open" : formatMinute(Date.parse(until))}
            </td>
          </tr>
        ))}
      </DataTable>
    </div>
  );
}

/** /admin/experiments/{id}: results as they come, always valid. */
export const experimentPage: Page = {
  path: "/admin/experiments/:id",
  place: "experiments",
  summary: "an experiment's results: arms, comparisons, sample ratio, guardrails, verdict",
  subject: platformSubject,
  live_s: 15,
  content: async ({ context, ask }) => {
    const id = readId(context);
    const answer = await ask.get<ExperimentAnswer>(`/experiments/${id}`);
    return {
      title: `Experiment ${id}`,
      body: (
        <>
          <nav class="crumbs" aria-label="Where this is">
            <a href="/admin/experiments">Experiments</a>
          </nav>
          <h1>
            {id} <Badge tone={phaseTones[answer.phase]}>{answer.phase}</Badge>
          </h1>
          <Actions answer={answer} />
          {answer.results === null ? <Empty title="Not started">Results come once it assigns {answer.experiment.unit.kind === "learner" ? "learners" : "courses"}.</Empty> : <Results results={answer.results} alpha={answer.experiment.alpha} metric={answer.experiment.metric} />}
          <Section title="Definition" id="definition">
            <details class="features">
              <summary>{answer.experiment.arms.length} arms by {answer.experiment.unit.kind.replaceAll("_", " ")}, compared by {answer.experiment.metric}</summary>
              <pre class="code">{JSON.stringify(answer.experiment, undefined, 2)}</pre>
            </details>
          </Section>
        </>
      ),
    };
  },
};

function Actions({ answer: { experiment_id, phase, verdict, conflicts_with } }: { readonly answer: ExperimentAnswer }) {
  const may = phase === "draft" ? "start" : phase === "running" || phase === "scheduled" ? "stop" : undefined;
  return (
    <>
      {verdict !== null && <p class="lead-line">Concluded: {verdict}</p>}
      {conflicts_with.length > 0 && <p class="notice">These set the same prices: {conflicts_with.join(", ")}.</p>}
      {may !== undefined && (
        <form class="inline" data-form="POST" data-follows action={`/experiments/${experiment_id}/${may}`}>
          <label>
            <span>Reason</span>
            <input type="text" name="reason" maxlength={1000} />
          </label>
          {may === "stop" && (
            <label>
              <span>What was concluded</span>
              <input type="text" name="verdict" maxlength={1000} />
            </label>
          )}
          <button type="submit" class="button">
            {may === "start" ? "Start" : "Stop for good"}
          </button>
          <p class="told-form" role="status" data-told></p>
        </form>
      )}
    </>
  );
}
