import type { ModelsAnswer, ServedFamily } from "../../contracts/model-api.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { Ask } from "./ask.ts";

interface Kept {
  readonly sequence: number;
  readonly at_ms: number;
  readonly models: ModelsAnswer;
}

/** What is stored and promoted of each family. The broker is asked again once the fold has another promotion, or what was read is too old for whoever asks. */
export class ModelLists {
  readonly #features: FeatureSource;
  readonly #kept = new Map<ServedFamily, Kept>();

  constructor(features: FeatureSource) {
    this.#features = features;
  }

  /** undefined: the broker does not answer. */
  async of(ask: Ask, family: ServedFamily, now_ms: number, age_max_ms: number): Promise<ModelsAnswer | undefined> {
    const sequence = this.#features.current?.store.champion(family)?.sequence ?? 0;
    const kept = this.#kept.get(family);
    if (kept !== undefined && kept.sequence === sequence && now_ms - kept.at_ms <= age_max_ms) return kept.models;
    try {
      const models = await ask.get<ModelsAnswer>(`/models/${family}`);
      this.#kept.set(family, { sequence, at_ms: now_ms, models });
      return models;
    } catch {
      return undefined;
    }
  }
}
