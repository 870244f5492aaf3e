const BYTES_MIN = 1_024;

/** Sequences of a stream, added in ascending order: one bit for every one from the first to the last. */
export class SequenceSet {
  #first = 0;
  #bits = new Uint8Array(BYTES_MIN);
  size = 0;

  add(sequence: number): void {
    if (this.size++ === 0) this.#first = sequence;
    const at = sequence - this.#first;
    const byte = Math.floor(at / 8);
    if (byte >= this.#bits.length) {
      const wider = new Uint8Array(Math.max(byte + 1, this.#bits.length * 2));
      wider.set(this.#bits);
      this.#bits = wider;
    }
    this.#bits[byte] = this.#bits[byte]! | (1 << (at % 8));
  }

  has(sequence: number): boolean {
    const at = sequence - this.#first;
    return this.size > 0 && at >= 0 && ((this.#bits[Math.floor(at / 8)] ?? 0) & (1 << (at % 8))) !== 0;
  }
}
