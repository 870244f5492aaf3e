import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BUCKET_MODELS } from "../../contracts/subjects.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { ModelFamily, ModelHolder, ServableModel } from "../model-holder.ts";

export interface ServedModelsDeps<Model extends ServableModel> {
  readonly models: Pick<ModelHolder<Model>, "current">;
  readonly family: ModelFamily<Model>;
  readonly broker: Pick<Broker, "listObjects" | "getObject">;
  readonly cache_dir: string;
}

/** Finds the model that a decision was made with: the one in service, a copy that was served here before, or the artifact in the object store. */
export function servedModels<Model extends ServableModel>({ models, family, broker, cache_dir }: ServedModelsDeps<Model>): (digest: string) => Promise<Model | undefined> {
  return async (digest) => {
    if (models.current?.model.digest === digest) return models.current.model;
    const cached = await readFile(join(cache_dir, `${digest}.json`)).catch(() => undefined);
    if (cached !== undefined) return family.compile(cached, digest);
    const entry = (await broker.listObjects(BUCKET_MODELS)).find(({ metadata }) => metadata["digest"] === digest);
    const bytes = entry === undefined ? undefined : await broker.getObject(BUCKET_MODELS, entry.name);
    return bytes === undefined ? undefined : family.compile(bytes, digest);
  };
}
