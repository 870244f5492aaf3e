import type { Exposure } from "../contracts/experiment.ts";
import type { FeatureStoreReader, LearnerExposure, StoreBatch } from "./store.ts";

/** What a batch of personal quotes changes of the exposures, before the store has any of it: the first quote of an experiment counts, by sequence, later ones change nothing. */
export class ExposureChanges {
  readonly #store: Pick<FeatureStoreReader, "exposure" | "exposuresOf">;
  /** By `<experiment_id>/<learner_id>`; null: removed. */
  readonly #changed = new Map<string, LearnerExposure | null>();

  constructor(store: Pick<FeatureStoreReader, "exposure" | "exposuresOf">) {
    this.#store = store;
  }

  add(learner_id: string, experiments: readonly Exposure[], exposed_ms: number, sequence: number): void {
    for (const { id: experiment_id, arm, probability, covariate } of experiments) {
      const place = `${experiment_id}/${learner_id}`;
      const known = this.#changed.get(place);
      if (known === undefined ? this.#store.exposure(experiment_id, learner_id) !== undefined : known !== null) continue;
      this.#changed.set(place, { experiment_id, learner_id, arm, probability, covariate, exposed_ms, sequence });
    }
  }

  /** All of a learner's, of the store and of this batch so far. */
  erase(learner_id: string): void {
    for (const experiment_id of this.#store.exposuresOf(learner_id)) this.#changed.set(`${experiment_id}/${learner_id}`, null);
    for (const [place, exposure] of this.#changed) if (exposure?.learner_id === learner_id) this.#changed.set(place, null);
  }

  write(batch: StoreBatch): void {
    for (const [place, exposure] of this.#changed) {
      const slash = place.indexOf("/");
      if (exposure === null) batch.removeExposure(place.slice(0, slash), place.slice(slash + 1));
      else batch.putExposure(exposure);
    }
  }
}
