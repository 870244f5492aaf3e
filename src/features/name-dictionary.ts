import { type FeatureStoreReader, type NameKind, type StoreBatch, nameKinds } from "./store.ts";

/**
 * All names of a kind are in memory, about 130 bytes each: at most 9 MB of categories and 140 MB of teachers. The bounds
 * are part of the fold: they are the same for every replica, and lie far above what a platform has.
 */
export const namesMax: Readonly<Record<NameKind, number>> = { category: 65_536, teacher: 1_048_576 };

/** Names and their ordinals, in order of first appearance; new ones wait for the next commit. */
export class NameDictionary {
  /** How often a new name was refused because there were too many. */
  refused = 0;
  readonly #max: Readonly<Record<NameKind, number>>;
  readonly #names: Record<NameKind, string[]> = { category: [], teacher: [] };
  readonly #ordinals: Record<NameKind, Map<string, number>> = { category: new Map(), teacher: new Map() };
  readonly #written: Record<NameKind, number> = { category: 0, teacher: 0 };

  constructor(store: FeatureStoreReader, max: Readonly<Record<NameKind, number>> = namesMax) {
    this.#max = max;
    for (const kind of nameKinds) {
      for (const name of store.names(kind)) this.#add(kind, name);
      this.#written[kind] = this.#names[kind].length;
    }
  }

  /** The ordinal of a name; a new name gets the next one, or NaN when there are too many. */
  ordinal(kind: NameKind, name: string): number {
    const known = this.#ordinals[kind].get(name);
    if (known !== undefined) return known;
    if (this.#names[kind].length < this.#max[kind]) return this.#add(kind, name);
    this.refused++;
    return Number.NaN;
  }

  name(kind: NameKind, ordinal: number): string | undefined {
    return this.#names[kind][ordinal];
  }

  write(batch: StoreBatch): void {
    for (const kind of nameKinds) {
      for (let i = this.#written[kind]; i < this.#names[kind].length; i++) batch.putName(kind, i, this.#names[kind][i]!);
    }
  }

  /** To be called once `write` has put everything. */
  written(): void {
    for (const kind of nameKinds) this.#written[kind] = this.#names[kind].length;
  }

  #add(kind: NameKind, name: string): number {
    const ordinal = this.#names[kind].push(name) - 1;
    this.#ordinals[kind].set(name, ordinal);
    return ordinal;
  }
}
