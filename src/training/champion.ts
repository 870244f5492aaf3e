import { modelPromotedSchema, type ModelPromoted } from "../contracts/control.ts";
import { BUCKET_MODELS, modelSubject, STREAM_CONTROL } from "../contracts/subjects.ts";
import type { Broker } from "../ingest/nats.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { compileArtifact, type CompiledModel } from "../models/compiled.ts";

export const FAMILY = "elasticity";

/** The promotion in force, as CONTROL has it. */
export async function promotedModel(broker: Broker): Promise<ModelPromoted | undefined> {
  const message = await broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject(FAMILY) });
  if (message === undefined) return undefined;
  return modelPromotedSchema.parse(JSON.parse(new TextDecoder().decode(message.data)));
}

/** The champion to beat. One that cannot be read beats nobody: that is logged, and the challenger stands alone. */
export async function loadChampion(broker: Broker, logger: Logger): Promise<CompiledModel | undefined> {
  try {
    const promoted = await promotedModel(broker);
    if (promoted === undefined) return undefined;
    const bytes = await broker.getObject(BUCKET_MODELS, promoted.artifact);
    if (bytes === undefined) throw new Error(`object ${promoted.artifact} is not in ${BUCKET_MODELS}`);
    return compileArtifact(bytes, promoted.digest);
  } catch (error) {
    logger.warn({ error: errorMessage(error) }, "the present champion cannot be compared with");
    return undefined;
  }
}
