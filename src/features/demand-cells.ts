import { assert } from "../lib/assert.ts";
import { log } from "../lib/exp-log.ts";
import { DAY_MS } from "../lib/time.ts";
import type { Aggregator } from "./aggregator.ts";
import { decayRate, decayScale, decayWeight } from "./forward-decay.ts";

export const DEMAND_CELLS = 32;
export const DEMAND_CELL_WIDTH = 0.1;
export const DEMAND_HALF_LIFE_MS = 60 * DAY_MS;

/** Channels: a price that became known, a price that was seen, a price that was paid. */
export const LISTED = 0;
export const EXPOSED = 1;
export const ENROLLED = 2;

const CELLS_PER_UNIT = 1 / DEMAND_CELL_WIDTH;
const SLOTS_PER_CELL = 3;
const RATE = decayRate(DEMAND_HALF_LIFE_MS);

/** The last event's: one adds to several sums. */
let weighed_ms = Number.NaN;
let weight = Number.NaN;

/** Weight of an event in the cells, and what turns sums of weights into those at `now_ms`: 1 for an event of now. */
export function demandCellWeight(time_ms: number): number {
  if (time_ms !== weighed_ms) {
    weighed_ms = time_ms;
    weight = decayWeight(RATE, time_ms);
  }
  return weight;
}

export function demandCellScale(now_ms: number): number {
  return decayScale(RATE, now_ms);
}

function cellOf(x: number): number {
  const cell = Math.floor(x * CELLS_PER_UNIT) + DEMAND_CELLS / 2;
  return cell < 0 ? 0 : cell >= DEMAND_CELLS ? DEMAND_CELLS - 1 : cell;
}

/**
 * Sufficient statistics of a course's demand: decayed exposures n, enrollments q and sum of x over both, by cells of
 * x = log(price / reference price). The reference is the first positive price that is known, fixed for ever. The end
 * cells take what lies beyond them, with its true x. A price of 0 has no logarithm and says nothing of demand: left out.
 * Slots: reference price, then n, q, Σx a cell.
 */
export const demandCells: Aggregator = {
  kind: `demand_cells:${DEMAND_CELLS}x${DEMAND_CELL_WIDTH}:${DEMAND_HALF_LIFE_MS}`,
  width: 1 + DEMAND_CELLS * SLOTS_PER_CELL,
  update(record, offset, price, time_ms, channel) {
    if (!(price > 0)) return true;
    if (record[offset] === 0) record[offset] = price;
    if (channel === LISTED) return true;
    const x = log(price / record[offset]!);
    const slot = offset + 1 + cellOf(x) * SLOTS_PER_CELL;
    const weight = demandCellWeight(time_ms);
    const count = slot + channel - EXPOSED;
    record[count] = record[count]! + weight;
    record[slot + 2] = record[slot + 2]! + weight * x;
    return true;
  },
  /** Shares of one course have the same reference: it comes from the catalogue, which every share folds. */
  merge(into, into_offset, from, from_offset) {
    if (from[from_offset] === 0) return;
    assert(into[into_offset] === 0 || into[into_offset] === from[from_offset], "demand cells of different reference prices");
    into[into_offset] = from[from_offset]!;
    for (let i = 1; i < demandCells.width; i++) into[into_offset + i] = into[into_offset + i]! + from[from_offset + i]!;
  },
};

/** Occupied cells at `now_ms` as mean x, n, q each, lowest price first, into `out`; how many numbers that is. */
export function readDemandCells(record: Float64Array, offset: number, now_ms: number, out: Float64Array): number {
  return readCells(record, offset + 1, DEMAND_CELLS, now_ms, out);
}

/** The same of any cells of n, q and a sum each, from their first slot on. */
export function readCells(record: Float64Array, first: number, cells: number, now_ms: number, out: Float64Array): number {
  const scale = demandCellScale(now_ms);
  let length = 0;
  for (let slot = first; slot < first + cells * SLOTS_PER_CELL; slot += SLOTS_PER_CELL) {
    const weight = record[slot]! + record[slot + 1]!;
    if (weight === 0) continue;
    out[length] = record[slot + 2]! / weight;
    out[length + 1] = record[slot]! * scale;
    out[length + 2] = record[slot + 1]! * scale;
    length += SLOTS_PER_CELL;
  }
  return length;
}

export const DEMAND_READING_LENGTH_MAX = DEMAND_CELLS * SLOTS_PER_CELL;
