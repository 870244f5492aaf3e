import { entityIdSchemas, type EntityFeaturesAnswer } from "../contracts/api.ts";
import { EntityReader, entityFeatureNames } from "../features/entity-reader.ts";
import { featureCatalogue } from "../features/feature-catalogue.ts";
import { entityNames } from "../features/store.ts";
import type { Clock } from "../lib/clock.ts";
import { formatTime } from "../lib/time.ts";
import { mustFeatures, PerStore } from "./feature-source.ts";
import type { FeatureSource } from "./feature-source.ts";
import { ProblemError } from "./problem.ts";

/** The body of GET /features, FeaturesAnswer: the same for the life of the process. */
export const featureDefinitionsText = JSON.stringify({ features: featureCatalogue });

/** Answers GET /features/{entity}/{id}. */
export class FeatureService {
  readonly #features: FeatureSource;
  readonly #clock: Clock;
  readonly #readers = new PerStore(({ store }) => new EntityReader(store));

  constructor(features: FeatureSource, clock: Clock) {
    this.#features = features;
    this.#clock = clock;
  }

  /** The JSON of an entity's features now. Throws ProblemError. */
  entity(name: string, id: string): string {
    const entity = entityNames.find((known) => known === name);
    if (entity === undefined) throw new ProblemError("not_found", `There is no entity of that name, only ${entityNames.join(", ")}.`, { field: "entity" });
    const reader = this.#readers.of(mustFeatures(this.#features));
    const { error } = entityIdSchemas[entity].safeParse(id);
    if (error !== undefined) throw new ProblemError("not_found", `The id of a ${entity} ${error.issues[0]?.message ?? "is another"}.`, { field: "id" });
    const now_ms = this.#clock.now_ms();
    const found = reader.read(entity, id, now_ms);
    if (found === undefined) throw new ProblemError("not_found", `No event of ${entity} ${id} has arrived, or it was erased.`, { field: "id" });
    const answer: EntityFeaturesAnswer = {
      entity,
      id,
      sequence: found.sequence,
      updated_at: formatTime(found.updated_at_ms),
      age_ms: Math.max(0, Math.round(now_ms - found.updated_at_ms)),
      features: Object.fromEntries(entityFeatureNames[entity].map((feature, i) => [feature, found.values[i]!])),
    };
    return JSON.stringify(answer);
  }
}
