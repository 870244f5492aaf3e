import { mkdir, readdir, readFile, rename, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { BUCKET_MODELS } from "../contracts/subjects.ts";
import type { Champion } from "../features/store.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { BrokerPort } from "./broker-link.ts";
import type { FeatureSource } from "./feature-source.ts";

const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Artifacts that stay in the cache: the one in service, and some to go back to. */
const KEPT_MAX = 8;

/** An artifact that can be served: the digest is that of its bytes. */
export interface ServableModel {
  readonly version: string;
  readonly digest: string;
}

/** What serving knows of a family of models. */
export interface ModelFamily<Model extends ServableModel> {
  readonly family: string;
  /** Throws when the bytes are not those of the digest, or this version cannot serve them. */
  compile(bytes: Uint8Array, digest: string): Model;
  /** The body of GET /model_info; what only the promotion knows is missing without one. */
  info(model: Model, promotion?: Champion): string;
}

/** A champion in service. Replaced as a whole: a request that started with one finishes with it. */
export interface ServedModel<Model extends ServableModel> {
  readonly model: Model;
  /** The body of GET /model_info. */
  readonly info: string;
}

export interface ModelHolderDeps<Model extends ServableModel> {
  readonly family: ModelFamily<Model>;
  readonly features: FeatureSource;
  readonly broker: BrokerPort;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Artifacts of the family that were fetched once, by digest: a restart serves without the broker. */
  readonly cache_dir: string;
}

/**
 * Follows the champion of a family that CONTROL names. The served model is one pointer; an artifact that is missing, corrupt or
 * incompatible leaves it where it is and is tried again with growing pauses, logged once. A process that has served none yet then takes the newest of
 * the copies that were served here before.
 */
export class ModelHolder<Model extends ServableModel> {
  readonly #deps: ModelHolderDeps<Model>;
  #current: ServedModel<Model> | undefined;
  /** CONTROL's message that the information was made from. */
  #sequence = 0;
  #failed_digest = "";
  #retry_at_ms = 0;
  #retry_pause_ms = RETRY_MIN_MS;
  #failures = 0;
  #swaps = 0;

  constructor(deps: ModelHolderDeps<Model>) {
    this.#deps = deps;
  }

  get current(): ServedModel<Model> | undefined {
    return this.#current;
  }

  /** Loads that failed. */
  get failures(): number {
    return this.#failures;
  }

  get swaps(): number {
    return this.#swaps;
  }

  /** Called every 250 ms: one small read unless the champion changed. */
  async check(): Promise<void> {
    const { features, clock, logger, family } = this.#deps;
    const champion = features.current?.store.champion(family.family);
    if (champion === undefined) return;
    if (champion.digest === this.#current?.model.digest) return this.#describe(this.#current.model, champion);
    const failedBefore = champion.digest === this.#failed_digest;
    if (failedBefore && clock.now_ms() < this.#retry_at_ms) return;
    try {
      const model = await this.#load(champion);
      this.#describe(model, champion);
      this.#swaps++;
      this.#failed_digest = "";
      logger.info({ family: family.family, version: model.version, digest: model.digest }, "model in service");
    } catch (error) {
      this.#failures++;
      this.#retry_pause_ms = failedBefore ? Math.min(RETRY_MAX_MS, this.#retry_pause_ms * 2) : RETRY_MIN_MS;
      this.#retry_at_ms = clock.now_ms() + this.#retry_pause_ms;
      this.#failed_digest = champion.digest;
      if (!failedBefore) logger.error({ family: family.family, version: champion.version, digest: champion.digest, error: errorMessage(error) }, "the promoted model cannot be used; the one before stays");
      if (this.#current === undefined && !failedBefore) await this.#takeLastServed();
    }
  }

  /** Says anew what is served when CONTROL has spoken again, if only to pin the same model. */
  #describe(model: Model, champion: Champion): void {
    if (this.#current?.model === model && champion.sequence === this.#sequence) return;
    this.#sequence = champion.sequence;
    this.#current = { model, info: this.#deps.family.info(model, champion) };
  }

  async #takeLastServed(): Promise<void> {
    const { family, logger } = this.#deps;
    for (const path of await this.#copies()) {
      try {
        const model = family.compile(await readFile(path), basename(path, ".json"));
        this.#current = { model, info: family.info(model) };
        this.#swaps++;
        logger.warn({ family: family.family, version: model.version, digest: model.digest }, "the last model that was served here is in service again");
        return;
      } catch {
        // Of another version, damaged, or not whole: an older one may do.
      }
    }
  }

  async #load(champion: Champion): Promise<Model> {
    const path = join(this.#deps.cache_dir, `${champion.digest}.json`);
    const cached = await readFile(path).catch(() => undefined);
    if (cached !== undefined) {
      try {
        const model = this.#deps.family.compile(cached, champion.digest);
        // Served again: not the next to be forgotten.
        const now_s = this.#deps.clock.now_ms() / 1000;
        await utimes(path, now_s, now_s).catch(() => undefined);
        return model;
      } catch {
        // A damaged copy: the object store's replaces it.
      }
    }
    const fetched = await this.#deps.broker.getObject(BUCKET_MODELS, champion.artifact);
    if (fetched === undefined) throw new TidemarkError("missing_artifact", `the object store holds no artifact ${champion.artifact}`);
    const model = this.#deps.family.compile(fetched, champion.digest);
    await this.#keep(path, fetched);
    return model;
  }

  /** Files in the cache, the last served first. */
  async #copies(): Promise<string[]> {
    const { cache_dir } = this.#deps;
    const entries = await readdir(cache_dir, { withFileTypes: true }).catch(() => []);
    const paths = entries.filter((entry) => entry.isFile()).map(({ name }) => join(cache_dir, name));
    // Another worker may be faster: what is gone by now counts as the oldest.
    const files = await Promise.all(paths.map(async (path) => ({ path, served_ms: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 })));
    return files.sort((a, b) => b.served_ms - a.served_ms).map(({ path }) => path);
  }

  /** Also what a process that died while it wrote left behind counts, and goes. */
  async #forgetOldest(): Promise<void> {
    const oldest = (await this.#copies()).slice(KEPT_MAX);
    await Promise.all(oldest.map((path) => unlink(path).catch(() => undefined)));
  }

  /** Best effort: a full disk must not keep a good model out of service. */
  async #keep(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = `${path}.${process.pid}`;
    try {
      await mkdir(this.#deps.cache_dir, { recursive: true });
      await writeFile(temporary, bytes);
      await rename(temporary, path);
      await this.#forgetOldest();
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      this.#deps.logger.warn({ path, error: errorMessage(error) }, "the artifact could not be cached");
    }
  }
}
