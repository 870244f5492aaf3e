interface Slot<Value> {
  value: Value;
  used: boolean;
}

/**
 * A bounded map with second-chance eviction (the clock algorithm over insertion order). A hit only sets a flag, where
 * an exact LRU would delete and insert; an entry that was read since the hand last passed it is spared once.
 */
export class AnswerCache<Value> {
  readonly #slots = new Map<string, Slot<Value>>();
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
    const slot = this.#slots.get(key);
    if (slot !== undefined) {
      slot.value = value;
      slot.used = true;
      return;
    }
    if (this.#slots.size >= this.#entries_max) this.#evict();
    this.#slots.set(key, { value, used: false });
  }

  clear(): void {
    this.#slots.clear();
  }

  #evict(): void {
    // Spared slots move behind the hand, and there each is unused: the second round at the latest finds one.
    for (const [key, slot] of this.#slots) {
      this.#slots.delete(key);
      if (!slot.used) break;
      slot.used = false;
      this.#slots.set(key, slot);
    }
    this.#evicted++;
  }
}
