const DOT = 46;
const ZERO = 48;
/** A timestamp counts nanoseconds; without its last six digits it counts milliseconds. */
const NANO_DIGITS = 6;

/**
 * Reads sequence, delivery number, time and pending count out of the reply subjects of one consumer, without splitting
 * them. `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<delivery>.<nanoseconds>.<pending>`, or since 2.10 on some
 * servers with `<domain>.<account>` before the stream and a random token at the end.
 */
export class AckSubjectReader {
  sequence = 0;
  delivery = 0;
  time_ms = 0;
  pending = 0;
  /** Where the numbers begin: the same for every message of a consumer. */
  #offset = -1;
  #at = 0;

  /** False when the subject is not an acknowledgement's. */
  read(subject: string): boolean {
    if (this.#offset < 0) this.#offset = numbersOffset(subject);
    if (this.#offset < 0) return false;
    this.#at = this.#offset;
    this.#number(subject, 0);
    this.sequence = this.#number(subject, 0);
    this.delivery = this.#number(subject, 0);
    this.time_ms = this.#number(subject, NANO_DIGITS);
    this.pending = this.#number(subject, 0);
    return true;
  }

  #number(subject: string, cut: number): number {
    let value = 0;
    let end = this.#at;
    if (cut > 0) {
      end = subject.indexOf(".", this.#at);
      const last = end - cut;
      for (let i = this.#at; i < last; i++) value = value * 10 + (subject.charCodeAt(i) - ZERO);
    } else {
      for (; end < subject.length; end++) {
        const code = subject.charCodeAt(end);
        if (code === DOT) break;
        value = value * 10 + (code - ZERO);
      }
    }
    this.#at = end + 1;
    return value;
  }
}

function numbersOffset(subject: string): number {
  if (!subject.startsWith("$JS.ACK.")) return -1;
  const tokens = subject.split(".");
  const before = tokens.length >= 11 ? 6 : 4;
  if (tokens.length < before + 5) return -1;
  return tokens.slice(0, before).join(".").length + 1;
}
