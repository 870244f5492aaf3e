import { BUCKET_MODELS } from "../../contracts/subjects.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { artifactDigest } from "../../models/compiled.ts";
import type { PublishPromotion } from "../control.ts";
import type { Broker } from "../nats.ts";
import { isAway, KEPT_MAX, ModelReader, type ReaderBroker, type StoredModel } from "./model-reader.ts";

/** What a registry asks of the broker. */
export type RegistryBroker = ReaderBroker & Pick<Broker, "putObject" | "deleteObject">;

/** The models of one family. CONTROL never names an artifact that was not read back from the object store and compiled. */
export class ModelRegistry<Model extends { readonly version: string }> extends ModelReader<Model> {
  readonly #broker: RegistryBroker;

  constructor(broker: RegistryBroker, family: string, compile: (bytes: Uint8Array, digest: string) => Model, publish?: PublishPromotion) {
    super(broker, family, compile, publish);
    this.#broker = broker;
  }

  /**
   * Stores an artifact, reads it back and compiles what it read: what comes back can be served. Throws TidemarkError `version_taken` when another artifact goes by its
   * version: what CONTROL names must stay what it is.
   */
  async store(bytes: Uint8Array): Promise<StoredModel<Model>> {
    const digest = artifactDigest(bytes);
    const { version } = this.compile(bytes, digest);
    const name = this.nameOf(version);
    if (await this.#taken(name, digest)) throw new TidemarkError("version_taken", `another artifact is stored as ${name}: a version stands for its bytes, and an edited artifact needs one of its own`);
    await this.#broker.putObject(BUCKET_MODELS, name, bytes, { digest });
    const stored = await this.#broker.getObject(BUCKET_MODELS, name);
    if (stored === undefined) throw new TidemarkError("missing_artifact", `object ${name} is not in ${BUCKET_MODELS}, just after it was stored there`);
    return { name, version, digest, bytes: stored, model: this.compile(stored, digest) };
  }

  override renew(model: StoredModel<Model>): Promise<StoredModel<Model>> {
    return this.store(model.bytes);
  }

  /** Removes artifacts but for the newest 50 and those that the last 50 promotions name. */
  async prune(): Promise<void> {
    // Listed first: what is promoted meanwhile is in the history.
    const old = (await this.list()).slice(KEPT_MAX);
    if (old.length === 0) return;
    const named = new Set((await this.history()).map(({ artifact }) => artifact));
    for (const { version } of old) if (!named.has(this.nameOf(version))) await this.#broker.deleteObject(BUCKET_MODELS, this.nameOf(version));
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
      this.compile(there, artifactDigest(there));
      return true;
    } catch {
      return false;
    }
  }
}
