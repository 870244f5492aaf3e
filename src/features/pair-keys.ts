/**
 * Keys of a pair of ids, `<first>/<second>`, made once and found again without building a string: the fold needs one for
 * every event of a learner in a course. Ids hold no slash.
 */
export class PairKeys {
  readonly #keys = new Map<string, Map<string, string>>();
  #pairs = 0;

  key(first: string, second: string): string {
    const known = this.#keys.get(first)?.get(second);
    return known ?? this.#add(first, second);
  }

  /** Forgets all keys when there are more: they are made again as they are needed. */
  trim(pairs_max: number): void {
    if (this.#pairs <= pairs_max) return;
    this.#keys.clear();
    this.#pairs = 0;
  }

  #add(first: string, second: string): string {
    let seconds = this.#keys.get(first);
    if (seconds === undefined) {
      seconds = new Map();
      this.#keys.set(first, seconds);
    }
    const key = `${first}/${second}`;
    seconds.set(second, key);
    this.#pairs++;
    return key;
  }
}
