import { type ModelPromoted, modelPromotedSchema } from "../../contracts/control.ts";
import { BUCKET_MODELS, modelSubject, STREAM_CONTROL } from "../../contracts/subjects.ts";
import { publishPromotion, type PublishPromotion } from "../control.ts";
import type { Broker, BrokerMessage } from "../nats.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { artifactDigest } from "../../models/compiled.ts";

/** Promotions that a history goes back, and artifacts that are kept besides. */
export const KEPT_MAX = 50;

/** A promotion on CONTROL. */
export interface Promotion extends ModelPromoted {
  readonly sequence: number;
}

/** An artifact in the object store that this version can load. */
export interface StoredModel<Model> {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly model: Model;
}

export interface ModelEntry {
  readonly version: string;
  readonly bytes: number;
  readonly stored_at: string;
  /** Empty where it was stored without. */
  readonly digest: string;
}

/** What a promotion says beside the artifact. */
export type PromotionNote = Pick<ModelPromoted, "time" | "reason"> & Partial<Pick<ModelPromoted, "author" | "pinned" | "run_id" | "trained_at" | "training_seconds">>;

function parsePromotion({ data, sequence }: BrokerMessage): Promotion {
  return { ...modelPromotedSchema.parse(JSON.parse(new TextDecoder().decode(data))), sequence };
}

/** What is there of the broker while it is away must not be taken for what is there. */
export function isAway(error: unknown): boolean {
  return error instanceof TidemarkError && (error.code === "broker_unreachable" || error.code === "broker_closed");
}

/** What whoever reads a registry, and names what it holds on CONTROL, asks of the broker. */
export type ReaderBroker = Pick<Broker, "publish" | "getMessage" | "consume" | "getObject" | "listObjects">;

/** The models of one family, for those who may choose among them but store none: artifacts in the object store MODELS, and on CONTROL which of them serves. */
export class ModelReader<Model extends { readonly version: string }> {
  readonly family: string;
  readonly #broker: ReaderBroker;
  /** Throws when this version cannot serve the bytes. */
  protected readonly compile: (bytes: Uint8Array, digest: string) => Model;
  readonly #publish: PublishPromotion;

  constructor(broker: ReaderBroker, family: string, compile: (bytes: Uint8Array, digest: string) => Model, publish: PublishPromotion = (promotion, decided_on) => publishPromotion(broker, promotion, decided_on)) {
    this.#broker = broker;
    this.family = family;
    this.compile = compile;
    this.#publish = publish;
  }

  /** What CONTROL last promoted; undefined when there is none. Throws when the last message is no promotion. */
  async promoted(): Promise<Promotion | undefined> {
    const message = await this.#last();
    return message === undefined ? undefined : parsePromotion(message);
  }

  /**
   * The champion to beat, and the sequence that a promotion over it is decided against (0: none). One that cannot be read beats nobody: that is logged, and the
   * challenger stands alone. Throws when the broker does not answer: a champion that is out of reach for a moment must not be replaced unheard.
   */
  async champion(logger: Logger): Promise<{ readonly sequence: number; readonly promotion: Promotion | undefined; readonly model: Model | undefined }> {
    const message = await this.#last();
    if (message === undefined) return { sequence: 0, promotion: undefined, model: undefined };
    let promotion: Promotion | undefined;
    try {
      promotion = parsePromotion(message);
      const bytes = await this.#broker.getObject(BUCKET_MODELS, promotion.artifact);
      if (bytes === undefined) throw new TidemarkError("missing_artifact", `object ${promotion.artifact} is not in ${BUCKET_MODELS}`);
      return { sequence: message.sequence, promotion, model: this.compile(bytes, promotion.digest) };
    } catch (error) {
      if (isAway(error)) throw error;
      logger.warn({ error: errorMessage(error) }, "the present champion cannot be compared with");
      return { sequence: message.sequence, promotion, model: undefined };
    }
  }

  /** The last 50 promotions, oldest first; what is none is passed over. */
  async history(): Promise<Promotion[]> {
    const last = await this.#last();
    if (last === undefined) return [];
    const found: Promotion[] = [];
    let reached: () => void = () => undefined;
    const end = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const consumption = await this.#broker.consume(STREAM_CONTROL, { start_sequence: 1, subject: modelSubject(this.family) }, (message) => {
      try {
        found.push(parsePromotion(message));
        if (found.length > KEPT_MAX) found.shift();
      } catch {
        // Written by another version, or by hand.
      }
      if (message.sequence >= last.sequence) reached();
    });
    const failure = await Promise.race([end, consumption.closed]);
    await consumption.stop();
    if (failure instanceof Error) throw failure;
    return found;
  }

  /** Throws TidemarkError `unknown_model`, and what compiling throws. */
  async load(version: string): Promise<StoredModel<Model>> {
    const name = this.nameOf(version);
    const bytes = await this.#broker.getObject(BUCKET_MODELS, name);
    if (bytes === undefined) throw new TidemarkError("unknown_model", `there is no model ${version} of ${this.family}: \`tidemark model list\` shows what there is`);
    const digest = artifactDigest(bytes);
    return { name, version, digest, bytes, model: this.compile(bytes, digest) };
  }

  /** Newest first. */
  async list(): Promise<ModelEntry[]> {
    const entries = await this.#broker.listObjects(BUCKET_MODELS);
    const own = entries.filter(({ name }) => name.startsWith(this.nameOf("")));
    return own.map(({ name, bytes, stored_at, metadata }) => ({ version: name.slice(this.nameOf("").length), bytes, stored_at, digest: metadata["digest"] ?? "" })).sort((a, b) => (a.stored_at < b.stored_at ? 1 : -1));
  }

  /** Keeps a model from being the next to be removed, as far as that may be done here: whoever names it on CONTROL does so first. */
  renew(model: StoredModel<Model>): Promise<StoredModel<Model>> {
    return Promise.resolve(model);
  }

  /**
   * Names a stored model on CONTROL. Throws TidemarkError `wrong_last_sequence` when CONTROL has named another since `decided_on`: what it was decided against does
   * not hold any more.
   */
  async promote({ name, digest, version }: Pick<StoredModel<Model>, "name" | "digest" | "version">, note: PromotionNote, decided_on: number): Promise<Promotion> {
    const promotion: ModelPromoted = { type: "model.promoted", family: this.family, artifact: name, digest, version, ...note };
    return { ...promotion, sequence: await this.#publish(promotion, decided_on) };
  }

  protected nameOf(version: string): string {
    return `${this.family}/${version}`;
  }

  #last(): Promise<BrokerMessage | undefined> {
    return this.#broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject(this.family) });
  }
}
