import type { Context } from "hono";
import { type CategoriesQuery, type CategoryItem, categoriesQuerySchema } from "../contracts/catalogue.ts";
import { EntityReader, entityFeatureNames } from "../features/entity-reader.ts";
import { firstIds } from "../features/first-ids.ts";
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import type { CompiledModel } from "../models/compiled.ts";
import { categoryElasticityAnswer, globalElasticityAnswer } from "../pricing/estimated-elasticity.ts";
import { roundRate, roundTokens } from "../pricing/money.ts";
import { readQuery } from "./body.ts";
import { type FeatureSource, mustFeatures, type OpenFeatures, PerStore } from "./feature-source.ts";
import { type Page, pageDegraded, pageOf, pageResponse } from "./page.ts";
import type { PricingContext } from "./pricing-inputs.ts";
import type { Turns } from "./turns.ts";

/** A few tenths of a millisecond. */
const CATEGORIES_PER_TURN = 32;

export interface CategoryListDeps extends PricingContext {
  readonly features: FeatureSource;
  readonly clock: Clock;
  readonly turns: Turns;
}

const names = [
  "courses",
  "average_price_tokens",
  "competitor_price_tokens",
  "competitive_index",
  "enrollments_30d",
  "enrollments_90d",
  "exposures_30d",
  "exposures_90d",
  "revenue_30d_tokens",
  "revenue_90d_tokens",
  "conversion_30d",
  "conversion_90d",
  "enrollments_previous_30d",
  "enrollments_trend",
] as const;
const positions = new Map(names.map((name) => [name, entityFeatureNames.category.indexOf(name)]));
assert([...positions.values()].every((position) => position >= 0), "these are features of categories");

/** Features say 0 where nothing is known. */
const known = (value: number): number | null => (value === 0 ? null : value);

function categoryItem(model: CompiledModel | null, category: string, values: Float64Array): CategoryItem {
  const of = (name: (typeof names)[number]): number => values[positions.get(name)!]!;
  return {
    category,
    elasticity: categoryElasticityAnswer(model, category),
    courses: of("courses"),
    average_price: known(roundTokens(of("average_price_tokens"))),
    competitor_price: known(of("competitor_price_tokens")),
    competitive_index: known(roundRate(of("competitive_index"))),
    enrollments_30d: of("enrollments_30d"),
    enrollments_90d: of("enrollments_90d"),
    exposures_30d: of("exposures_30d"),
    exposures_90d: of("exposures_90d"),
    revenue_30d_tokens: of("revenue_30d_tokens"),
    revenue_90d_tokens: of("revenue_90d_tokens"),
    conversion_30d: roundRate(of("conversion_30d")),
    conversion_90d: roundRate(of("conversion_90d")),
    enrollments_previous_30d: of("enrollments_previous_30d"),
    trend: roundRate(of("enrollments_trend")),
  };
}

/** GET /categories: by name, on one page as long as there are not more than anybody would compare. */
export class CategoryList {
  readonly #deps: CategoryListDeps;
  readonly #readers = new PerStore(({ store }) => new EntityReader(store));

  constructor(deps: CategoryListDeps) {
    this.#deps = deps;
  }

  answer(context: Context): Promise<Response> {
    const query = readQuery(context, categoriesQuerySchema);
    return this.#deps.turns.admit(() => this.#answer(context, query));
  }

  async #answer(context: Context, query: CategoriesQuery): Promise<Response> {
    const { features, turns, policies, degradation } = this.#deps;
    for (;;) {
      const open = mustFeatures(features);
      const served = this.#deps.models.current;
      const model = served?.model ?? null;
      const page = await turns.run(this.#page(open, query, model), () => features.current === open);
      if (page === undefined) continue;
      const rest = { elasticity: globalElasticityAnswer(model), model: model?.version ?? "none", ...pageDegraded({ policies, degradation, models: { current: served } }) };
      return pageResponse(context, "categories", page, { limit: context.req.query("limit") }, rest);
    }
  }

  *#page(open: OpenFeatures, { limit, after = "" }: CategoriesQuery, model: CompiledModel | null): Generator<void, Page> {
    const reader = this.#readers.of(open);
    const categories = firstIds(open.store, "category", after, limit + 1);
    const now_ms = this.#deps.clock.now_ms();
    const items: string[] = [];
    for (const [i, category] of categories.slice(0, limit).entries()) {
      if (i % CATEGORIES_PER_TURN === CATEGORIES_PER_TURN - 1) yield;
      const read = reader.read("category", category, now_ms);
      if (read !== undefined) items.push(JSON.stringify(categoryItem(model, category, read.values)));
    }
    return yield* pageOf(items, categories.length > limit ? categories[limit - 1] : undefined);
  }
}
