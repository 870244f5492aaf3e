import { type PropensityHealth, propensityHealthSchema } from "../../contracts/propensity-health.ts";
import { BUCKET_MODELS } from "../../contracts/subjects.ts";
import type { Broker } from "../../ingest/nats.ts";

/** Beside the models that it is of; no artifact goes by such a name. */
export const HEALTH_OBJECT = "health/propensity.json";

/** The last record of a champion's health; undefined without one that this version can read. */
export async function readHealth(broker: Pick<Broker, "getObject">): Promise<PropensityHealth | undefined> {
  const bytes = await broker.getObject(BUCKET_MODELS, HEALTH_OBJECT);
  if (bytes === undefined) return undefined;
  try {
    return propensityHealthSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

export async function writeHealth(broker: Pick<Broker, "putObject">, health: PropensityHealth): Promise<void> {
  await broker.putObject(BUCKET_MODELS, HEALTH_OBJECT, new TextEncoder().encode(JSON.stringify(health)));
}
