import type { Aggregator } from "./aggregator.ts";
import { DEMAND_HALF_LIFE_MS, EXPOSED, demandCellWeight, readCells } from "./demand-cells.ts";

export const JITTER_CELLS = 16;
export const JITTER_CELL_WIDTH = 0.04;

const CELLS_PER_UNIT = 1 / JITTER_CELL_WIDTH;
const SLOTS_PER_CELL = 3;

function cellOf(v: number): number {
  const cell = Math.floor(v * CELLS_PER_UNIT) + JITTER_CELLS / 2;
  return cell < 0 ? 0 : cell >= JITTER_CELLS ? JITTER_CELLS - 1 : cell;
}

/**
 * Decayed exposures n, enrollments q and sum of v over both, by cells of v, the random part of the log list price that was seen or paid. What the price
 * setter follows drops out of a comparison between these cells, as it does not out of one between prices. The end cells take what lies beyond them.
 */
export const jitterCells: Aggregator = {
  kind: `jitter_cells:${JITTER_CELLS}x${JITTER_CELL_WIDTH}:${DEMAND_HALF_LIFE_MS}`,
  width: JITTER_CELLS * SLOTS_PER_CELL,
  update(record, offset, v, time_ms, channel) {
    const slot = offset + cellOf(v) * SLOTS_PER_CELL;
    const weight = demandCellWeight(time_ms);
    const count = slot + channel - EXPOSED;
    record[count] = record[count]! + weight;
    record[slot + 2] = record[slot + 2]! + weight * v;
    return true;
  },
  merge(into, into_offset, from, from_offset) {
    for (let i = 0; i < jitterCells.width; i++) into[into_offset + i] = into[into_offset + i]! + from[from_offset + i]!;
  },
};

/** Occupied cells at `now_ms` as mean v, n, q each, lowest first, into `out`; how many numbers that is. */
export function readJitterCells(record: Float64Array, offset: number, now_ms: number, out: Float64Array): number {
  return readCells(record, offset, JITTER_CELLS, now_ms, out);
}

export const JITTER_READING_LENGTH_MAX = JITTER_CELLS * SLOTS_PER_CELL;
