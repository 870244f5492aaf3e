/** A copy of the last message's bytes, which otherwise lie in the network's buffer. Much cheaper than to hash each message. */
export class PayloadCopy {
  #room = new Uint8Array(4_096);
  #length = 0;

  set(data: Uint8Array): void {
    if (data.length > this.#room.length) this.#room = new Uint8Array(data.length * 2);
    this.#room.set(data);
    this.#length = data.length;
  }

  /** Borrowed until the next `set`. */
  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }
}
