interface Slot<Value> {
  readonly key: string;
  value: Value;
  used: boolean;
}

/**
 * A bounded map with second-chance eviction (the clock algorithm). A hit only sets a flag, where an exact LRU would delete and insert; an entry that was read since
 * the hand last passed it is spared once. The hand walks a ring of its own: whoever asks a Map for its oldest entry walks over all that were deleted before it.
 */
export class AnswerCache<Value> {
  readonly #slots = new Map<string, Slot<Value>>();
  /** The same slots; once there are `entries_max` of them, a new one takes an evicted one's place. */
  #ring: Slot<Value>[] = [];
  #hand = 0;
  readonly #entries_max: number;
  #evicted = 0;

  constructor(entries_max: number) {
    this.#entries_max = entries_max;
  }

  get size(): number {
    return this.#slots.size;
  }

  get evicted(): number {
    return this.#evicted;
  }

  get(key: string): Value | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    slot.used = true;
    return slot.value;
  }

  set(key: string, value: Value): void {
    const kept = this.#slots.get(key);
    if (kept !== undefined) {
      kept.value = value;
      kept.used = true;
      return;
    }
    const slot = { key, value, used: false };
    if (this.#ring.length < this.#entries_max) this.#ring.push(slot);
    else this.#replaceBy(slot);
    this.#slots.set(key, slot);
  }

  clear(): void {
    this.#slots.clear();
    this.#ring = [];
    this.#hand = 0;
  }

  /** Every slot that is spared is unused from then on: the second round at the latest finds one. */
  #replaceBy(slot: Slot<Value>): void {
    let at = this.#hand;
    for (; this.#ring[at]!.used; at = this.#after(at)) this.#ring[at]!.used = false;
    this.#slots.delete(this.#ring[at]!.key);
    this.#ring[at] = slot;
    this.#hand = this.#after(at);
    this.#evicted++;
  }

  #after(at: number): number {
    return at + 1 === this.#ring.length ? 0 : at + 1;
  }
}
