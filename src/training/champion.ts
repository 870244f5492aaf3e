import { modelPromotedSchema, type ModelPromoted } from "../contracts/control.ts";
import { BUCKET_MODELS, modelSubject, STREAM_CONTROL } from "../contracts/subjects.ts";
import type { Broker, BrokerMessage } from "../ingest/nats.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { compileArtifact, type CompiledModel } from "../models/compiled.ts";

export const FAMILY = "elasticity";

/** The promotion in force. */
export interface Promotion {
  /** CONTROL sequence; 0 when there is none. What a later promotion is decided against. */
  readonly sequence: number;
  readonly champion: CompiledModel | undefined;
}

function parsePromotion(message: BrokerMessage): ModelPromoted {
  return modelPromotedSchema.parse(JSON.parse(new TextDecoder().decode(message.data)));
}

function lastPromotion(broker: Pick<Broker, "getMessage">): Promise<BrokerMessage | undefined> {
  return broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject(FAMILY) });
}

/** What CONTROL last promoted. */
export async function promotedModel(broker: Broker): Promise<ModelPromoted | undefined> {
  const message = await lastPromotion(broker);
  return message === undefined ? undefined : parsePromotion(message);
}

/**
 * The champion to beat. One that cannot be read beats nobody: that is logged, and the challenger stands alone. Throws
 * when the broker does not answer: a champion that is out of reach for a moment must not be replaced unheard.
 */
export async function loadChampion(broker: Pick<Broker, "getMessage" | "getObject">, logger: Logger): Promise<Promotion> {
  const message = await lastPromotion(broker);
  if (message === undefined) return { sequence: 0, champion: undefined };
  try {
    const promoted = parsePromotion(message);
    const bytes = await broker.getObject(BUCKET_MODELS, promoted.artifact);
    if (bytes === undefined) throw new Error(`object ${promoted.artifact} is not in ${BUCKET_MODELS}`);
    return { sequence: message.sequence, champion: compileArtifact(bytes, promoted.digest) };
  } catch (error) {
    if (error instanceof TidemarkError && (error.code === "broker_unreachable" || error.code === "broker_closed")) throw error;
    logger.warn({ error: errorMessage(error) }, "the present champion cannot be compared with");
    return { sequence: message.sequence, champion: undefined };
  }
}
