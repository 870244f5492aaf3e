import { readFile, rename, unlink, writeFile } from "node:fs/promises";
import { z } from "zod";
import { STREAM_CONTROL } from "../../contracts/subjects.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { FeatureSource, OpenFeatures } from "../feature-source.ts";
import { hashOf, keyIdOf } from "./api-key.ts";
import { keyRecordOf, keyRecordSchema } from "./key-record.ts";
import { type HeldKey, KeyRing } from "./key-ring.ts";

/** Some 500 bytes each. More are left out, and logged: whoever makes keys by the thousand means something else. */
export const KEYS_MAX = 10_000;

export interface KeyHolderDeps {
  readonly features: FeatureSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where hashes and roles are kept for a start without a feature store; undefined: nowhere. */
  readonly copy: string | undefined;
  /** A key that its holder has from a file, an administrator's whatever CONTROL says: the first one, and the one for emergencies. */
  readonly local_key?: string | undefined;
  /** Who is asked for a key even while there is none: everybody, unless this process listens to its own machine alone. */
  readonly always: boolean;
  /** Processes of this host that answer, this one among them; 1 unless given. */
  readonly workers?: number;
}

/**
 * Follows the keys that CONTROL names. Keys that were known stay known while the feature store is away, or is folded anew; once there was one, an engine
 * without a single usable key is closed, not open.
 */
export class KeyHolder {
  readonly #deps: KeyHolderDeps;
  readonly #ring: KeyRing;
  /** CONTROL messages of each key that its record was made of. */
  readonly #messages = new Map<string, number>();
  #open: OpenFeatures | undefined;
  #sequence = -1;
  #required: boolean;
  #full = false;

  constructor(deps: KeyHolderDeps) {
    this.#deps = deps;
    this.#ring = new KeyRing(deps.workers);
    this.#required = deps.always;
    const { local_key, clock } = deps;
    const key_id = local_key === undefined ? undefined : keyIdOf(local_key);
    if (local_key === undefined || key_id === undefined) return;
    this.#ring.put({ key_id, name: "local key file", hash: hashOf(local_key), role: "admin", created: "", author: "local" }, clock.now_ms());
    this.#required = true;
  }

  /** Whether requests need a key at all. */
  get required(): boolean {
    return this.#required;
  }

  /** Keys that may be used now. */
  get usable(): number {
    return this.#ring.usable;
  }

  find(presented: string): HeldKey | undefined {
    return this.#ring.find(presented);
  }

  /** Reads what a process before this one kept. A copy that cannot be read closes the engine until CONTROL has spoken. */
  async restore(): Promise<void> {
    const { copy, clock, logger } = this.#deps;
    if (copy === undefined) return;
    try {
      for (const record of copySchema.parse(JSON.parse(await readFile(copy, "utf8"))).keys) this.#ring.put(record, clock.now_ms());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      logger.error({ path: copy, error: errorMessage(error) }, "the copy of the keys cannot be read: every request needs a key from now on");
      this.#required = true;
    }
    if (this.#ring.size > 0) this.#required = true;
  }

  /** Takes in what CONTROL has said since the last time. */
  async check(): Promise<void> {
    const open = this.#deps.features.current;
    if (open === undefined) return;
    const sequence = open.store.cursor(STREAM_CONTROL)?.sequence ?? 0;
    if (open === this.#open && sequence === this.#sequence) return;
    this.#open = open;
    this.#sequence = sequence;
    let changed = false;
    for (const key_id of open.store.controlIds("key")) changed = this.#take(open, key_id) || changed;
    if (!changed) return;
    this.#required = true;
    this.#deps.logger.info({ keys: this.#ring.size, usable: this.#ring.usable }, "keys in force");
    await this.#keep();
  }

  #take({ store }: OpenFeatures, key_id: string): boolean {
    const messages = store.controlCount("key", key_id);
    const known = this.#messages.get(key_id);
    if (known === undefined && this.#messages.size >= KEYS_MAX) {
      if (!this.#full) this.#deps.logger.error({ keys: KEYS_MAX }, "there are too many keys: the newest do not count");
      this.#full = true;
      return false;
    }
    // A store that is folded anew knows less for a while.
    if (known !== undefined && messages <= known) return false;
    this.#messages.set(key_id, messages);
    const record = keyRecordOf(key_id, store.controlHistory("key", key_id).map(({ message }) => message));
    if (record === undefined) return false;
    this.#ring.put(record, this.#deps.clock.now_ms());
    return true;
  }

  /** Best effort: without the copy a start before the fold has no keys, and is refused or closed. */
  async #keep(): Promise<void> {
    const { copy, logger } = this.#deps;
    if (copy === undefined) return;
    const temporary = `${copy}.${process.pid}`;
    try {
      await writeFile(temporary, JSON.stringify({ keys: this.#ring.records.filter(({ created }) => created !== "") }), { mode: 0o600 });
      await rename(temporary, copy);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      logger.warn({ path: copy, error: errorMessage(error) }, "the keys could not be kept");
    }
  }
}

const copySchema = z.object({ keys: z.array(keyRecordSchema).max(KEYS_MAX) });
