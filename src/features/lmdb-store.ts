import type { FeatureStore, FeatureStoreReader } from "./store.ts";

/** Opens the store's directory. Read-only: it must exist (TidemarkError "features_missing" otherwise). */
export function openLmdbStore(path: string, options: { readonly readonly: false }): FeatureStore;
export function openLmdbStore(path: string, options: { readonly readonly: true }): FeatureStoreReader;
export function openLmdbStore(_path: string, _options: { readonly readonly: boolean }): FeatureStore | FeatureStoreReader { throw new Error("not yet"); }
