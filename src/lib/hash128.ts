/**
 * MurmurHash3_x86_128 (Appleby 2011): 128 well-mixed bits, the same on every machine. It tells apart ids and messages of
 * producers that are trusted with the stream; it is not keyed, so it does not withstand somebody who makes collisions.
 * Of n ids, two collide with probability n²/2^129: 10^-21 for a billion.
 */
export const HASH_WORDS = 4;
export const HASH_BYTES = 16;

/** What ids need; longer input gets an array of its own. */
const scratch = new Int32Array(64);

function wordsFor(bytes_length: number): Int32Array {
  const count = ((bytes_length + 15) >>> 4) * HASH_WORDS;
  return count <= scratch.length ? scratch : new Int32Array(count);
}

/** Hashes the text's UTF-16 units, low byte first, into the four words of `out`. */
export function hashText(text: string, out: Int32Array): void {
  const length = text.length;
  const words = wordsFor(length * 2);
  const pairs = length >>> 1;
  for (let i = 0; i < pairs; i++) words[i] = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 16);
  let end = pairs;
  if ((length & 1) !== 0) words[end++] = text.charCodeAt(length - 1);
  while ((end & 3) !== 0) words[end++] = 0;
  hashWords(words, length * 2, 0, out);
}

/** Hashes bytes into the four words of `out`. */
export function hashBytes(bytes: Uint8Array, out: Int32Array, seed = 0): void {
  const length = bytes.length;
  const words = wordsFor(length);
  const whole = length >>> 2;
  for (let i = 0; i < whole; i++) words[i] = bytes[4 * i]! | (bytes[4 * i + 1]! << 8) | (bytes[4 * i + 2]! << 16) | (bytes[4 * i + 3]! << 24);
  let end = whole;
  if ((length & 3) !== 0) {
    let word = 0;
    for (let k = length - 1; k >= 4 * whole; k--) word = (word << 8) | bytes[k]!;
    words[end++] = word;
  }
  while ((end & 3) !== 0) words[end++] = 0;
  hashWords(words, length, seed, out);
}

/** Writes the words of a hash, low byte first. */
export function writeHash(hash: Int32Array, bytes: Uint8Array, at: number): void {
  for (let i = 0; i < HASH_WORDS; i++) {
    const word = hash[i]!;
    bytes[at++] = word;
    bytes[at++] = word >>> 8;
    bytes[at++] = word >>> 16;
    bytes[at++] = word >>> 24;
  }
}

/** Reads what writeHash wrote. */
export function readHash(bytes: Uint8Array, at: number, hash: Int32Array): void {
  for (let i = 0; i < HASH_WORDS; i++, at += 4) hash[i] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The hash of bytes as 32 hexadecimal digits. */
export function hexHash(bytes: Uint8Array): string {
  const hash = new Int32Array(HASH_WORDS);
  hashBytes(bytes, hash);
  return Array.from(hash, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

/** `words` are padded with zeros to a whole block: a word of zeros in the tail changes nothing, as the algorithm wants it. */
function hashWords(words: Int32Array, bytes_length: number, seed: number, out: Int32Array): void {
  let h1 = seed;
  let h2 = seed;
  let h3 = seed;
  let h4 = seed;
  const body = (bytes_length >>> 4) * HASH_WORDS;
  let i = 0;
  for (; i < body; i += HASH_WORDS) {
    h1 ^= mix(words[i]!, 0x239b961b, 15, 0xab0e9789);
    h1 = (Math.imul(((h1 << 19) | (h1 >>> 13)) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= mix(words[i + 1]!, 0xab0e9789, 16, 0x38b34ae5);
    h2 = (Math.imul(((h2 << 17) | (h2 >>> 15)) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= mix(words[i + 2]!, 0x38b34ae5, 17, 0xa1e38b93);
    h3 = (Math.imul(((h3 << 15) | (h3 >>> 17)) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= mix(words[i + 3]!, 0xa1e38b93, 18, 0x239b961b);
    h4 = (Math.imul(((h4 << 13) | (h4 >>> 19)) + h1, 5) + 0x32ac3b17) | 0;
  }
  if ((bytes_length & 15) !== 0) {
    h1 ^= mix(words[i]!, 0x239b961b, 15, 0xab0e9789);
    h2 ^= mix(words[i + 1]!, 0xab0e9789, 16, 0x38b34ae5);
    h3 ^= mix(words[i + 2]!, 0x38b34ae5, 17, 0xa1e38b93);
    h4 ^= mix(words[i + 3]!, 0xa1e38b93, 18, 0x239b961b);
  }
  h1 ^= bytes_length;
  h2 ^= bytes_length;
  h3 ^= bytes_length;
  h4 ^= bytes_length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = avalanche(h1);
  h2 = avalanche(h2);
  h3 = avalanche(h3);
  h4 = avalanche(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  out[0] = h1;
  out[1] = h2 + h1;
  out[2] = h3 + h1;
  out[3] = h4 + h1;
}

function mix(word: number, before: number, rotation: number, after: number): number {
  const k = Math.imul(word, before);
  return Math.imul((k << rotation) | (k >>> (32 - rotation)), after);
}

function avalanche(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
