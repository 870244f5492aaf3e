import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import type { Aggregator, Reading } from "./aggregator.ts";

export interface TiledWindow extends Aggregator {
  readonly tile_ms: number;
  readonly tiles: number;
  /**
   * Sum over a window that ends now. Windows are aligned to tiles: everything from the tile that holds `now − window`
   * on counts, so a window reaches back between `window` and `window` + one tile. Events newer than `now` count.
   */
  readonly within: Reading;
  /** Sum over the window of the same length that ends with the tile before those of `within`. */
  readonly before: Reading;
  /** Sum over the tiles from that of `from_ms` on, up to the one before that of `end_ms`; what the ring does not hold any more is missing. */
  between(record: Float64Array, offset: number, from_ms: number, end_ms: number): number;
}

/**
 * Sums of values in a ring of consecutive tiles. Slot 0 holds the absolute index of the newest tile (0 = none yet), tile i
 * lives in slot 1 + i mod tiles. A late event amends its tile while the ring holds it; older ones are left out, as are
 * times before 1970. `tiles` must exceed the longest window by one, for the tile that the window cuts.
 */
export function tiledWindow(tile_ms: number, tiles: number): TiledWindow {
  // Tile indexes stay within 31 bits until the year 9999: as integers, their remainders are several times faster.
  function advance(record: Float64Array, offset: number, tile: number): void {
    const newest = record[offset]! | 0;
    const ring = offset + 1;
    if (tile - newest >= tiles) record.fill(0, ring, ring + tiles);
    else for (let i = newest + 1; i <= tile; i++) record[ring + (i % tiles)] = 0;
    record[offset] = tile;
  }

  /** Sum over tiles [first, end), as far as the ring holds them. */
  function between(record: Float64Array, offset: number, first_tile: number, end_tile: number): number {
    const newest = record[offset]!;
    const first = Math.max(1, first_tile, newest - tiles + 1);
    const final = Math.min(newest, end_tile - 1);
    if (first > final) return 0;
    // Two straight runs of the ring instead of a remainder a tile.
    const ring = offset + 1;
    const from = ring + (first % tiles);
    const to = ring + (final % tiles);
    let sum = 0;
    if (from <= to) for (let slot = from; slot <= to; slot++) sum += record[slot]!;
    else {
      for (let slot = from; slot < ring + tiles; slot++) sum += record[slot]!;
      for (let slot = ring; slot <= to; slot++) sum += record[slot]!;
    }
    return sum;
  }

  return {
    kind: `tiled_window:${tile_ms}x${tiles}`,
    width: 1 + tiles,
    tile_ms,
    tiles,
    update(record, offset, value, time_ms) {
      const tile = (time_ms / tile_ms) | 0;
      const newest = record[offset]! | 0;
      if (tile <= 0 || tile <= newest - tiles) return false;
      if (tile > newest) advance(record, offset, tile);
      const slot = offset + 1 + (tile % tiles);
      record[slot] = record[slot]! + value;
      return true;
    },
    merge(into, into_offset, from, from_offset) {
      const newest = from[from_offset]!;
      if (newest === 0) return;
      if (newest > into[into_offset]!) advance(into, into_offset, newest);
      const oldest = Math.max(1, into[into_offset]! - tiles + 1, newest - tiles + 1);
      for (let i = oldest; i <= newest; i++) {
        const slot = into_offset + 1 + (i % tiles);
        into[slot] = into[slot]! + from[from_offset + 1 + (i % tiles)]!;
      }
    },
    within: (record, offset, now_ms, window_ms) => between(record, offset, Math.floor((now_ms - window_ms) / tile_ms), Number.POSITIVE_INFINITY),
    before: (record, offset, now_ms, window_ms) => between(record, offset, Math.floor((now_ms - 2 * window_ms) / tile_ms), Math.floor((now_ms - window_ms) / tile_ms)),
    between: (record, offset, from_ms, end_ms) => between(record, offset, Math.floor(from_ms / tile_ms), Math.floor(end_ms / tile_ms)),
  };
}

/** 1 h and 24 h windows. */
export const hourTiles = tiledWindow(HOUR_MS, 25);
/** 1 to 90 day windows. */
export const dayTiles = tiledWindow(DAY_MS, 91);
/** 1 to 30 day windows, for what there is one of for every learner. */
export const monthTiles = tiledWindow(DAY_MS, 31);
/** 30 and 90 day windows, for what happens to a learner now and then: a window reaches back up to a week further. */
export const weekTiles = tiledWindow(7 * DAY_MS, 14);
