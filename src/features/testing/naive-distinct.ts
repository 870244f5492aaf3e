/** A HyperLogLog over 32-bit hashes with plain arrays and the textbook's small-range estimate (linear counting). */
export function naiveDistinct(hashes: readonly number[], precision: number): number {
  const registers = new Array<number>(2 ** precision).fill(0);
  for (const hash of hashes) {
    const bits = hash.toString(2).padStart(32, "0");
    const register = Number.parseInt(bits.slice(0, precision), 2);
    const first = bits.slice(precision).indexOf("1");
    registers[register] = Math.max(registers[register]!, first < 0 ? 33 - precision : first + 1);
  }
  const empty = registers.filter((rank) => rank === 0).length;
  return Math.round(registers.length * Math.log(registers.length / empty));
}
