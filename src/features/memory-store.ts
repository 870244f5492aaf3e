import type { Champion, CourseProfile, Cursor, DumpEntry, EntityName, FeatureStore, NameKind, StoreBatch } from "./store.ts";

/** The store port in memory, for tests and for replays that nobody keeps. */
export class MemoryStore implements FeatureStore {
  get(_entity: EntityName, _id: string): Uint8Array | undefined { throw new Error("not yet"); }
  name(_kind: NameKind, _ordinal: number): string | undefined { throw new Error("not yet"); }
  names(_kind: NameKind): readonly string[] { throw new Error("not yet"); }
  ids(_entity: EntityName): Iterable<string> { throw new Error("not yet"); }
  profile(_course_id: string): CourseProfile | undefined { throw new Error("not yet"); }
  cursor(_stream: string): Cursor | undefined { throw new Error("not yet"); }
  champion(_family: string): Champion | undefined { throw new Error("not yet"); }
  layout(): string | undefined { throw new Error("not yet"); }
  dump(): Iterable<DumpEntry> { throw new Error("not yet"); }
  commit(_write: (batch: StoreBatch) => void): void { throw new Error("not yet"); }
  close(): Promise<void> { throw new Error("not yet"); }
}
