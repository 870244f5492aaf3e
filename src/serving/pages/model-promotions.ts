import type { ModelsAnswer } from "../../contracts/model-api.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { Ask } from "./ask.ts";

type Promotions = ModelsAnswer["promotions"];

/** When models of demand went into service. Asked for again only once the fold has another promotion. */
export class ModelPromotions {
  readonly #features: FeatureSource;
  #kept: { readonly sequence: number; readonly promotions: Promotions } | undefined;

  constructor(features: FeatureSource) {
    this.#features = features;
  }

  /** None while the broker is away. */
  async of(ask: Ask): Promise<Promotions> {
    const sequence = this.#features.current?.store.champion("elasticity")?.sequence ?? 0;
    if (sequence === 0) return [];
    if (this.#kept?.sequence === sequence) return this.#kept.promotions;
    try {
      const { promotions } = await ask.get<ModelsAnswer>("/models/elasticity");
      this.#kept = { sequence, promotions };
      return promotions;
    } catch {
      return [];
    }
  }
}
