import { total } from "./aggregator.ts";
import { featuresOf } from "./define.ts";
import { type FeatureDefinition, NEVER_DAYS, type StateDefinition, daysSince } from "./definition.ts";
import { lastPrice, lastPriceTime, previousPrice, priceHistory } from "./price-history.ts";

const { state, stored, derived } = featuresOf("price_history", { personal: false });

export const coursePrices = state("prices", priceHistory, { "course.repriced": { value: (e) => e.price } });

export const priceHistoryStates: readonly StateDefinition[] = [coursePrices];

export const priceHistoryFeatures: readonly FeatureDefinition[] = [
  stored({ name: "repricings", unit: "count", description: "how often a list price was set" }, coursePrices, total),
  stored({ name: "last_price_tokens", unit: "tokens", description: "the list price that was set last; 0 = never" }, coursePrices, lastPrice),
  stored({ name: "previous_price_tokens", unit: "tokens", description: "the list price that was set before that one; 0 = none" }, coursePrices, previousPrice),
  stored({ name: "repriced_at_ms", unit: "ms", description: "when a list price was set last; 0 = never" }, coursePrices, lastPriceTime),
  derived({ name: "days_since_repriced", unit: "days", description: "days since then; 3650 = never", default: NEVER_DAYS }, ["repriced_at_ms"], daysSince),
];
