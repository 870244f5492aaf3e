import type { EntityName, FeatureStoreReader } from "./store.ts";

/** At most `count` ids of an entity's records, in key order, from the first one after `after` on. */
export function firstIds(store: FeatureStoreReader, entity: EntityName, after: string, count: number): string[] {
  const ids: string[] = [];
  for (const id of store.ids(entity, "", after)) if (ids.push(id) >= count) break;
  return ids;
}
