import type { ModelInfoAnswer } from "../../../contracts/api.ts";
import type { ModelsAnswer, ServedFamily } from "../../../contracts/model-api.ts";
import type { PropensityInfoAnswer } from "../../../contracts/propensity-info.ts";
import type { TrainingReport } from "../../../contracts/training-run.ts";
import type { Ask } from "../ask.ts";
import type { ModelLists } from "../model-lists.ts";
import { type Page, platformSubject, within } from "../page.ts";
import { Empty, Pending, Section } from "../parts.tsx";
import type { TrainingRecords } from "../training-records.ts";
import { ModelDialogs, StoredModels } from "./models-choice.tsx";
import { Demand } from "./models-demand.tsx";
import { LearnerModels } from "./models-learners.tsx";
import { Runs, TrainingNow } from "./models-runs.tsx";

/** A run that has ended shows within so long; a promotion at once. */
const LIST_AGE_MAX_MS = 10_000;

/** /admin/models: what answers, how good it is, whether it still is, and what could take its place. */
export function modelsPage(records: TrainingRecords, lists: ModelLists): Page {
  const stored = async (family: ServedFamily, ask: Ask, now_ms: number): Promise<Stored> => (await lists.of(ask, family, now_ms, LIST_AGE_MAX_MS)) ?? "away";
  return {
    path: "/admin/models",
    place: "models",
    summary: "champion and candidates, calibration, drift, health; promote, roll back, pin",
    subject: platformSubject,
    // A training that is under way is told of as it goes.
    live_s: 3,
    content: async ({ ask, now_ms, wait_ms }) => {
      const [model, propensity, health, progress, demand_models, learner_models] = await Promise.all([
        ask.find<ModelInfoAnswer>("/model_info"),
        ask.find<PropensityInfoAnswer>("/model_info?family=propensity"),
        records.propensityHealth(),
        records.progress(),
        within(stored("elasticity", ask, now_ms), wait_ms),
        within(stored("propensity", ask, now_ms), wait_ms),
      ]);
      const report = await reportOf(records, model?.run_id);
      return {
        title: "Models",
        body: (
          <>
            <h1>Models</h1>
            <div id="training">
              <TrainingNow progress={progress} now_ms={now_ms} />
            </div>
            <p class="told-form" role="status" id="outcome" data-outcome></p>
            {model === undefined ? <Empty title="No model of demand yet">Prices come from priors until the first training run promotes one: `tidemark train`.</Empty> : <Demand model={model} report={report} />}
            <Choice title="Models of demand" id="elasticity" models={demand_models} />
            {propensity === undefined ? (
              <Section title="What learners are about to do" id="learners">
                <Empty title="No model of learners yet">Hand-weighted scores answer until `tidemark train --family propensity` promotes one.</Empty>
              </Section>
            ) : (
              <LearnerModels propensity={propensity} health={health} />
            )}
            <Choice title="Models of learners" id="propensity" models={learner_models} />
            <ModelDialogs />
          </>
        ),
      };
    },
  };
}

/** `away`: the broker keeps them, and does not answer. */
type Stored = ModelsAnswer | "away";

async function reportOf(records: TrainingRecords, run_id: string | null | undefined): Promise<TrainingReport | undefined> {
  return run_id === null || run_id === undefined ? undefined : records.report(run_id);
}

function Choice({ title, id, models }: { readonly title: string; readonly id: ServedFamily; readonly models: Stored | undefined }) {
  return (
    <Section title={title} id={id} aside="Stored models and the runs that made them. A change is in force on every host from the next request on, and CONTROL keeps who made it and why.">
      {models === undefined ? <Pending>Reading what is stored…</Pending> : models === "away" ? <Empty title="The broker is away">What is stored shows here once it answers; the model in service goes on serving.</Empty> : (
        <>
          <Runs models={models} />
          <StoredModels models={models} />
        </>
      )}
    </Section>
  );
}
