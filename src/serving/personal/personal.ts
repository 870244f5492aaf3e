import type { DecisionLog } from "../decision-log.ts";
import type { BrokerLink } from "../broker-link.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { CompiledModel } from "../../models/compiled.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { LearnerScores } from "../learners/learner-scores.ts";
import type { PricingContext } from "../pricing-inputs.ts";
import type { Turns } from "../turns.ts";
import type { QuoteDeps } from "../routes/quote-routes.ts";
import { CitationList } from "./citation-list.ts";
import { CourseDemands } from "./course-demand.ts";
import { DiscountBudget } from "./discount-budget.ts";
import { PersonalPricer } from "./personal-pricer.ts";
import { QuoteDesk } from "./quote-desk.ts";
import type { QuoteKeyring } from "./quote-keyring.ts";
import { QuoteLookup } from "./quote-lookup.ts";

/** What personal prices ask of the broker. */
export type QuoteBroker = Pick<BrokerLink, "publish" | "getMessage" | "streamInfo" | "consume" | "connected">;

export interface PersonalDeps extends PricingContext {
  readonly features: FeatureSource;
  readonly scores: LearnerScores;
  readonly decisions: DecisionLog;
  readonly keyring: QuoteKeyring;
  readonly broker: QuoteBroker;
  readonly modelOf: (digest: string) => Promise<CompiledModel | undefined>;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Personal extends QuoteDeps {
  readonly budget: DiscountBudget;
}

/** Personal prices, and what became of them. */
export function createPersonal({ features, scores, decisions, keyring, broker, modelOf, turns, clock, logger, models, degradation, policies }: PersonalDeps): Personal {
  const pricing = { models, degradation, policies };
  const budget = new DiscountBudget(broker, logger);
  const demands = new CourseDemands({ ...pricing, decisions, clock });
  const pricer = new PersonalPricer({ ...pricing, demands, budget });
  const desk = new QuoteDesk({ features, scores, demands, pricer, keyring, broker, clock, logger });
  const lookup = new QuoteLookup({ features, broker, known: desk.known, keyring, policies, modelOf, clock });
  return { desk, lookup, citations: new CitationList(features, turns), budget };
}
