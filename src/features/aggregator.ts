/**
 * Sufficient statistics kept in a fixed-width slice of a Float64Array record. The empty state is all zeros, so that
 * an untouched slot costs nothing on disk and decoding starts from a cleared record; encode and decode are the same for
 * all (sparse-slots.ts).
 *
 * Updates arrive in sequence order and mutate the slice in place, without allocating. `merge` is associative: exactly
 * for integers, within rounding for floats.
 */
export interface Aggregator {
  /** Names the aggregator and its parameters: part of the layout's identity. */
  readonly kind: string;
  /** Slots of the slice. */
  readonly width: number;
  /**
   * Folds one value with its event time. `channel` tells apart the inputs of an aggregator that has several. False when
   * the event is older than what the state still keeps open, so that it was left out.
   */
  update(record: Float64Array, offset: number, value: number, time_ms: number, channel: number): boolean;
  /** Adds the state at `from` to the state at `into`; where order matters, `from` is the later one. */
  merge(into: Float64Array, into_offset: number, from: Float64Array, from_offset: number): void;
}

/** What a feature says of a state at a time. `window_ms` is 0 where there is no window. */
export type Reading = (record: Float64Array, offset: number, now_ms: number, window_ms: number) => number;

/** The value of a state whose first slot is its value. */
export const total: Reading = (record, offset) => record[offset]!;
