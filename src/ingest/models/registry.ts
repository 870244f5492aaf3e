import { type ModelPromoted, modelPromotedSchema } from "../../contracts/control.ts";
import { BUCKET_MODELS, modelSubject, STREAM_CONTROL } from "../../contracts/subjects.ts";
import { publishPromotion, type PublishPromotion } from "../control.ts";
import type { Broker, BrokerMessage } from "../nats.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { artifactDigest } from "../../models/compiled.ts";

/** Artifacts that are kept beside those that the last promotions name, and how many promotions that is. */
const KEPT_MAX = 50;

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
function isAway(error: unknown): boolean {
  return error instanceof TidemarkError && (error.code === "broker_unreachable" || error.code === "broker_closed");
}

/** What a registry asks of the broker. */
export type RegistryBroker = Pick<Broker, "publish" | "getMessage" | "consume" | "putObject" | "getObject" | "listObjects" | "deleteObject">;

/**
 * The models of one family: artifacts in the object store MODELS, and on CONTROL which of them serves. CONTROL never names an artifact that was not read back from the
 * store and compiled.
 */
export class ModelRegistry<Model extends { readonly version: string }> {
  readonly family: string;
  readonly #broker: RegistryBroker;
  /** Throws when this version cannot serve the bytes. */
  readonly #compile: (bytes: Uint8Array, digest: string) => Model;
  readonly #publish: PublishPromotion;

  constructor(broker: RegistryBroker, family: string, compile: (bytes: Uint8Array, digest: string) => Model, publish: PublishPromotion = (promotion, decided_on) => publishPromotion(broker, promotion, decided_on)) {
    this.#broker = broker;
    this.family = family;
    this.#compile = compile;
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
      return { sequence: message.sequence, promotion, model: this.#compile(bytes, promotion.digest) };
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

  /**
   * Stores an artifact, reads it back and compiles what it read: what comes back can be served. Throws TidemarkError `version_taken` when another artifact goes by its
   * version: what CONTROL names must stay what it is.
   */
  async store(bytes: Uint8Array): Promise<StoredModel<Model>> {
    const digest = artifactDigest(bytes);
    const { version } = this.#compile(bytes, digest);
    const name = this.#name(version);
    if (await this.#taken(name, digest)) throw new TidemarkError("version_taken", `another artifact is stored as ${name}: a version stands for its bytes, and an edited artifact needs one of its own`);
    await this.#broker.putObject(BUCKET_MODELS, name, bytes, { digest });
    const stored = await this.#broker.getObject(BUCKET_MODELS, name);
    if (stored === undefined) throw new TidemarkError("missing_artifact", `object ${name} is not in ${BUCKET_MODELS}, just after it was stored there`);
    return { name, version, digest, bytes: stored, model: this.#compile(stored, digest) };
  }

  /** Throws TidemarkError `unknown_model`, and what compiling throws. */
  async load(version: string): Promise<StoredModel<Model>> {
    const name = this.#name(version);
    const bytes = await this.#broker.getObject(BUCKET_MODELS, name);
    if (bytes === undefined) throw new TidemarkError("unknown_model", `there is no model ${version} of ${this.family}: \`tidemark model list\` shows what there is`);
    const digest = artifactDigest(bytes);
    return { name, version, digest, bytes, model: this.#compile(bytes, digest) };
  }

  /** Newest first. */
  async list(): Promise<ModelEntry[]> {
    const entries = await this.#broker.listObjects(BUCKET_MODELS);
    const own = entries.filter(({ name }) => name.startsWith(this.#name("")));
    return own.map(({ name, bytes, stored_at, metadata }) => ({ version: name.slice(this.#name("").length), bytes, stored_at, digest: metadata["digest"] ?? "" })).sort((a, b) => (a.stored_at < b.stored_at ? 1 : -1));
  }

  /**
   * Names a stored model on CONTROL. Throws TidemarkError `wrong_last_sequence` when CONTROL has named another since `decided_on`: what it was decided against does
   * not hold any more.
   */
  async promote({ name, digest, version }: Pick<StoredModel<Model>, "name" | "digest" | "version">, note: PromotionNote, decided_on: number): Promise<Promotion> {
    const promotion: ModelPromoted = { type: "model.promoted", family: this.family, artifact: name, digest, version, ...note };
    return { ...promotion, sequence: await this.#publish(promotion, decided_on) };
  }

  /** Removes artifacts but for the newest 50 and those that the last 50 promotions name. */
  async prune(): Promise<void> {
    // Listed first: what is promoted meanwhile is in the history.
    const old = (await this.list()).slice(KEPT_MAX);
    if (old.length === 0) return;
    const named = new Set((await this.history()).map(({ artifact }) => artifact));
    for (const { version } of old) if (!named.has(this.#name(version))) await this.#broker.deleteObject(BUCKET_MODELS, this.#name(version));
  }

  /** Whether another artifact, whole or named on CONTROL, has the name. What is neither may be replaced. */
  async #taken(name: string, digest: string): Promise<boolean> {
    const there = await this.#broker.getObject(BUCKET_MODELS, name).catch((error: unknown) => {
      if (isAway(error)) throw error;
      return undefined; // not whole: it may be stored anew, as what it was
    });
    if (there !== undefined && artifactDigest(there) === digest) return false;
    if ((await this.history()).some((promotion) => promotion.artifact === name && promotion.digest !== digest)) return true;
    if (there === undefined) return false;
    try {
      this.#compile(there, artifactDigest(there));
      return true;
    } catch {
      return false;
    }
  }

  #name(version: string): string {
    return `${this.family}/${version}`;
  }

  #last(): Promise<BrokerMessage | undefined> {
    return this.#broker.getMessage(STREAM_CONTROL, { last_by_subject: modelSubject(this.family) });
  }
}
