import { randomUUID } from "node:crypto";
import { Lease } from "../../ingest/lease.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { ControlDesk } from "../control-desk.ts";
import type { Degradation } from "../degradation.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { PolicyHolder } from "../policies/policy-holder.ts";
import type { PolicySource } from "../policy-source.ts";
import type { PriceService } from "../price-service.ts";
import type { Turns } from "../turns.ts";
import { AutomaticPrices } from "./automatic-prices.ts";
import { CourseStandings } from "./course-standing.ts";
import { type ApplierBroker, PriceApplier } from "./price-applier.ts";
import { PriceChangeDesk } from "./price-change-desk.ts";

export interface PriceChangesDeps {
  readonly features: FeatureSource;
  readonly policies: PolicySource;
  readonly prices: PriceService;
  readonly desk: ControlDesk;
  readonly clock: Clock;
}

export interface PriceWorkDeps extends PriceChangesDeps {
  readonly holder: PolicyHolder;
  readonly broker: ApplierBroker;
  readonly degradation: Degradation;
  readonly turns: Turns;
  readonly logger: Logger;
}

/** What answers about list prices, and decides what it is told to. */
export function createPriceChangeDesk({ prices, desk, ...deps }: PriceChangesDeps): { readonly desk: PriceChangeDesk; readonly standings: CourseStandings } {
  const standings = new CourseStandings(deps);
  return { standings, desk: new PriceChangeDesk({ desk, standings, recommendation: (course_id) => prices.recommendation(course_id) }) };
}

/** What goes on by itself: decided prices come into force, and policies decide some. One process of all does both, by one lease. */
export class PriceWork {
  readonly desk: PriceChangeDesk;
  readonly applier: PriceApplier;
  readonly automatic: AutomaticPrices;
  readonly #lease: Lease;

  constructor(deps: PriceWorkDeps) {
    const { features, prices, broker, holder, degradation, turns, clock, logger } = deps;
    const { desk, standings } = createPriceChangeDesk(deps);
    const lease = new Lease({ broker, clock, name: "prices", holder: randomUUID() });
    this.desk = desk;
    this.#lease = lease;
    this.applier = new PriceApplier({ broker, lease, schedule: desk, clock, logger });
    this.automatic = new AutomaticPrices({ features, standings, desk, recommendation: (course_id) => prices.recommendation(course_id), policies: holder, degradation, lease, turns, clock, logger });
  }

  async stop(): Promise<void> {
    await this.applier.stop();
    await this.#lease.release();
  }
}
