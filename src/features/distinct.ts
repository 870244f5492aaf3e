import { assert } from "../lib/assert.ts";
import type { Aggregator, Reading } from "./aggregator.ts";

const BITS = 5;
/** A power of two, so that finding a register takes no division. */
const REGISTERS_PER_SLOT = 4;
const REGISTER_MASK = (1 << BITS) - 1;
/** 1 / (2 ln 2): the estimator's constant for many registers. */
const ALPHA = 0.7213475204444817;

export interface Distinct extends Aggregator {
  /** Relative standard error of the estimate, 1.04 / √registers; small counts come out nearly exact. */
  readonly error: number;
  /** Estimated number of distinct values, rounded. */
  readonly estimate: Reading;
}

/** Well-mixed 32 bits of a whole number: what `distinct` is fed for ordinals. */
export function mix32(value: number): number {
  let h = (value + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Everything that a sketch of this precision, or a lower one, can know of a hash: its register and its rank. Hashes of one
 * class change every such sketch alike.
 */
export function sketchClass(hash: number, precision: number): number {
  const rank = Math.clz32((hash << precision) | (1 << (precision - 1))) + 1;
  return (hash >>> (32 - precision)) * 32 + rank;
}

/** Σ over an infinite series; both converge in a few dozen steps (Ertl 2017, algorithm 6). */
function sigma(x: number): number {
  if (x === 1) return Number.POSITIVE_INFINITY;
  let y = 1;
  let z = x;
  for (let before = Number.NaN; z !== before; ) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let y = 1;
  let z = 1 - x;
  for (let before = Number.NaN; z !== before; ) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

/**
 * How many distinct values there were: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with 2^precision registers,
 * four in a slot, read by the estimator of Ertl ("New cardinality estimation algorithms for HyperLogLog sketches", 2017),
 * which needs no bias tables. Values are 32-bit hashes, the same for the same thing everywhere; two things in 2^32 that
 * share a hash count as one. The state is a maximum a register: any order, any repetition and any merge give the same.
 */
export function distinct(precision: number): Distinct {
  assert(precision >= 4 && precision <= 14, "precision is 4 to 14");
  const registers = 2 ** precision;
  /** Bits of the hash that a register's rank is taken from. */
  const rest = 32 - precision;
  const width = registers / REGISTERS_PER_SLOT;
  return {
    kind: `distinct:${precision}`,
    width,
    error: 1.04 / Math.sqrt(registers),
    update(record, offset, hash) {
      const register = hash >>> rest;
      // Position of the first 1 after the register's bits; a guard bit ends the search in an all-zero rest.
      const rank = Math.clz32((hash << precision) | (1 << (precision - 1))) + 1;
      const slot = offset + (register >>> 2);
      const shift = (register & 3) * BITS;
      const packed = record[slot]!;
      const before = (packed >>> shift) & REGISTER_MASK;
      if (rank > before) record[slot] = packed + ((rank - before) << shift);
      return true;
    },
    merge(into, into_offset, from, from_offset) {
      for (let i = 0; i < width; i++) {
        const a = into[into_offset + i]!;
        const b = from[from_offset + i]!;
        if (a === b || b === 0) continue;
        let packed = 0;
        for (let shift = 0; shift < REGISTERS_PER_SLOT * BITS; shift += BITS) packed |= Math.max((a >>> shift) & REGISTER_MASK, (b >>> shift) & REGISTER_MASK) << shift;
        into[into_offset + i] = packed;
      }
    },
    estimate(record, offset) {
      const counts = new Uint32Array(REGISTER_MASK + 1);
      for (let register = 0; register < registers; register++) {
        const packed = record[offset + (register >>> 2)]!;
        counts[(packed >>> ((register & 3) * BITS)) & REGISTER_MASK]!++;
      }
      if (counts[0] === registers) return 0;
      let z = registers * tau(1 - counts[rest + 1]! / registers);
      for (let rank = rest; rank >= 1; rank--) z = 0.5 * (z + counts[rank]!);
      z += registers * sigma(counts[0]! / registers);
      // Hashes made to fill every register would give infinity.
      return Math.min(2 ** 32, Math.round((ALPHA * registers * registers) / z));
    },
  };
}
