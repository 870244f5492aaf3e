import type { Cursor, FeatureStore } from "./store.ts";

/** The fold of CONTROL: the champion of every model family. Messages of other kinds are ignored. */
export class ControlWriter {
  /** Messages on known subjects that did not parse. */
  refused = 0;
  constructor(_store: FeatureStore) { throw new Error("not yet"); }
  apply(_subject: string, _data: Uint8Array, _sequence: number): void { throw new Error("not yet"); }
  commit(_cursor: Cursor): void { throw new Error("not yet"); }
}
