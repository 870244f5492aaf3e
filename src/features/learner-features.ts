import { parseTime } from "../lib/time.ts";
import { type Reading, total } from "./aggregator.ts";
import { type FeatureDefinition, type Folds, type StateDefinition, once } from "./definition.ts";
import { count, last, lastValue, maximum, sum } from "./scalar-aggregators.ts";

function state(name: string, aggregator: StateDefinition["aggregator"], folds: Folds): StateDefinition {
  return { name, entity: "learner", aggregator, folds, lateness_ms: Number.POSITIVE_INFINITY };
}

const atEventTime: { readonly value: (event: unknown, context: { readonly event_time_ms: number }) => number } = { value: (_event, context) => context.event_time_ms };

const balance = state("balance", sum, {
  "token.purchased": { value: (e) => e.amount },
  "token.earned": { value: (e) => e.amount },
  "token.refunded": { value: (e) => e.amount },
  "token.spent": { value: (e) => -e.amount },
  "token.expired": { value: (e) => -e.amount },
});
const spent = state("spent", sum, { "token.spent": { value: (e) => e.amount } });
const enrolled = state("enrolled", count, { "enrollment.created": once });
const completed = state("completed", count, { "enrollment.completed": once });
const lastActivity = state("last_activity", maximum, {
  "activity.session": atEventTime,
  "activity.assignment": atEventTime,
  "activity.forum": atEventTime,
  "activity.rating": atEventTime,
});
const registered = state("registered", last, { "learner.upserted": { value: (e) => parseTime(e.registered_at) } });

export const learnerStates: readonly StateDefinition[] = [balance, spent, enrolled, completed, lastActivity, registered];

function stored(name: string, unit: FeatureDefinition["unit"], description: string, from: StateDefinition, reading: Reading): FeatureDefinition {
  return { name, entity: "learner", unit, description, default: 0, personal: true, internal: false, source: { kind: "stored", state: from, reading, window_ms: 0 } };
}

export const learnerFeatures: readonly FeatureDefinition[] = [
  stored("balance_tokens", "tokens", "tokens purchased, earned and refunded, less spent and expired; below 0 while what it was spent from is still on its way", balance, total),
  stored("spent_tokens", "tokens", "tokens spent", spent, total),
  stored("enrolled", "count", "enrollments", enrolled, total),
  stored("completed", "count", "completed enrollments", completed, total),
  stored("last_activity_ms", "ms", "time of the latest session, assignment, forum post or rating; 0 = never", lastActivity, total),
  stored("registered_at_ms", "ms", "time of registration; 0 = unknown", registered, lastValue),
];
