import { createHash } from "node:crypto";
import type { DumpEntry, FeatureStoreReader } from "../features/store.ts";

const encoder = new TextEncoder();
/** Its hash is of a message that may have been deleted since: positions are compared beside. */
const isCursor = ({ database, key }: DumpEntry): boolean => key === "cursor" && database.endsWith(".meta");

/**
 * SHA-256 of every database, key and value of a store but its position, in order, each with its length before it: two stores that stand at the same sequences have the
 * same, on whatever machine and however often they were stopped, or one of them is wrong.
 */
export function stateDigest(store: FeatureStoreReader): string {
  const hash = createHash("sha256");
  const length = Buffer.alloc(4);
  const add = (bytes: Uint8Array): void => {
    length.writeUInt32LE(bytes.length);
    hash.update(length).update(bytes);
  };
  for (const entry of store.dump()) {
    if (isCursor(entry)) continue;
    const { database, key, value } = entry;
    add(encoder.encode(database));
    add(encoder.encode(key));
    add(value);
  }
  return hash.digest("hex");
}

function next(entries: Iterator<DumpEntry>): DumpEntry | undefined {
  const { value, done } = entries.next() as IteratorResult<DumpEntry, undefined>;
  return done === true ? undefined : value;
}

/** The first key that two stores do not have alike; undefined when there is none. */
export function firstDifference(kept: FeatureStoreReader, folded: FeatureStoreReader): string | undefined {
  const [left, right] = [kept.dump()[Symbol.iterator](), folded.dump()[Symbol.iterator]()];
  for (;;) {
    const [a, b] = [next(left), next(right)];
    if (a === undefined && b === undefined) return undefined;
    if (a !== undefined && b !== undefined && a.database === b.database && a.key === b.key && (isCursor(a) || Buffer.compare(a.value, b.value) === 0)) continue;
    return [a, b].flatMap((entry) => (entry === undefined ? [] : [`${entry.database} ${entry.key}`])).sort()[0]!;
  }
}
