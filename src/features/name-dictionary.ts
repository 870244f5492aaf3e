import { type FeatureStoreReader, type NameKind, type StoreBatch, nameKinds } from "./store.ts";

/** Names and their ordinals, in order of first appearance; new ones wait for the next commit. */
export class NameDictionary {
  readonly #names: Record<NameKind, string[]> = { category: [], teacher: [] };
  readonly #ordinals: Record<NameKind, Map<string, number>> = { category: new Map(), teacher: new Map() };
  readonly #written: Record<NameKind, number> = { category: 0, teacher: 0 };

  constructor(store: FeatureStoreReader) {
    for (const kind of nameKinds) {
      for (const name of store.names(kind)) this.ordinal(kind, name);
      this.#written[kind] = this.#names[kind].length;
    }
  }

  /** The ordinal of a name; a new name gets the next one. */
  ordinal(kind: NameKind, name: string): number {
    const known = this.#ordinals[kind].get(name);
    if (known !== undefined) return known;
    const ordinal = this.#names[kind].push(name) - 1;
    this.#ordinals[kind].set(name, ordinal);
    return ordinal;
  }

  name(kind: NameKind, ordinal: number): string | undefined {
    return this.#names[kind][ordinal];
  }

  write(batch: StoreBatch): void {
    for (const kind of nameKinds) {
      for (let i = this.#written[kind]; i < this.#names[kind].length; i++) batch.putName(kind, i, this.#names[kind][i]!);
    }
  }

  /** To be called once what `write` put is committed. */
  written(): void {
    for (const kind of nameKinds) this.#written[kind] = this.#names[kind].length;
  }
}
