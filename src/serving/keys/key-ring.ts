import type { Role } from "../../contracts/control.ts";
import { idPart, KEY_CHARACTERS, KeyProof } from "./api-key.ts";
import type { KeyRecord } from "./key-record.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Who asks: the holder of a key that has proved itself. */
export interface Principal {
  readonly key_id: string;
  readonly name: string;
  readonly role: Role;
  /** A key that speaks for one person sees that person only. */
  readonly learner_id?: string | undefined;
  readonly teacher_id?: string | undefined;
}

export interface HeldKey {
  readonly record: KeyRecord;
  readonly principal: Principal;
  readonly proof: KeyProof;
  readonly bucket: TokenBucket | undefined;
}

const nobody = new KeyProof(undefined);

/** Every key by its id. */
export class KeyRing {
  readonly #keys = new Map<string, HeldKey>();
  readonly #workers: number;

  /** `workers`: processes of this host that answer, each of which lets a key have its share of the key's rate. */
  constructor(workers = 1) {
    this.#workers = workers;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** How many may be used. */
  get usable(): number {
    let usable = 0;
    for (const { record } of this.#keys.values()) if (record.revoked === undefined) usable++;
    return usable;
  }

  get records(): readonly KeyRecord[] {
    return [...this.#keys.values()].map(({ record }) => record);
  }

  /** Takes in what is known of a key now. A revocation that was known stays. */
  put(record: KeyRecord, now_ms: number): void {
    const known = this.#keys.get(record.key_id);
    if (known?.record.revoked !== undefined) return;
    if (known !== undefined && known.record.hash === record.hash) {
      this.#keys.set(record.key_id, { ...known, record });
      return;
    }
    const { key_id, name, role, learner_id, teacher_id, rate_per_s } = record;
    const principal = { key_id, name, role, learner_id, teacher_id };
    this.#keys.set(key_id, { record, principal, proof: new KeyProof(record.hash), bucket: rate_per_s === undefined ? undefined : new TokenBucket(rate_per_s / this.#workers, now_ms) });
  }

  /**
   * The key that was presented, if it is one and may be used. Unknown, wrong and revoked ones take the same steps: which of them it was shows in no time
   * and no answer.
   */
  find(presented: string): HeldKey | undefined {
    const named = presented.length === KEY_CHARACTERS ? this.#keys.get(idPart(presented)) : undefined;
    const held = named?.record.revoked === undefined ? named : undefined;
    return (held?.proof ?? nobody).proves(presented) ? held : undefined;
  }
}
