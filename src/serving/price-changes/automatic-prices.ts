import { firstIds } from "../../features/first-ids.ts";
import type { Lease } from "../../ingest/lease.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { DAY_MS, HOUR_MS, parseTime } from "../../lib/time.ts";
import { brokenRule, isInBand } from "../../pricing/price-changes/price-rules.ts";
import type { Degradation } from "../degradation.ts";
import type { FeatureSource } from "../feature-source.ts";
import type { PolicyHolder } from "../policies/policy-holder.ts";
import type { PriceRecommendation } from "../price-service.ts";
import { ProblemError } from "../problem.ts";
import type { Turns } from "../turns.ts";
import type { CourseStanding, CourseStandings } from "./course-standing.ts";
import type { PriceChangeDesk } from "./price-change-desk.ts";

const IDS_PER_STEP = 64;
/** Found in a round before they are decided; the others wait for the next one. */
const FOUND_MAX = 256;
const DECIDING_MAX = 16;
/** A course whose price stays is looked at again after so long, or when its cool-down ends, whichever is later. */
const AGAIN_MS = HOUR_MS;
/** What a person has turned down, or has not answered, is not asked again for so long, or for the cool-down. */
const PATIENCE_MS = DAY_MS;
/** After a round, so many times as long without one: a round takes a quarter of a process. */
const PAUSE_RATIO = 4;

export interface AutomaticPricesDeps {
  readonly features: FeatureSource;
  readonly standings: CourseStandings;
  readonly desk: PriceChangeDesk;
  readonly recommendation: (course_id: string) => PriceRecommendation;
  /** `applies`: whether any policy in force applies or proposes prices; without one there is nothing to look for. */
  readonly policies: Pick<PolicyHolder, "revision" | "applies">;
  readonly degradation: Degradation;
  /** The one of the applier: whoever brings prices into force decides them, too. */
  readonly lease: Lease;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Found {
  readonly course_id: string;
  readonly standing: CourseStanding;
  readonly recommendation: PriceRecommendation;
  readonly accepts: boolean;
}

/**
 * Does what policies say becomes of recommended prices: `automatic` accepts them inside the teacher's band and proposes them outside it, `approval` proposes all. One process of all
 * goes round the courses; each changes at most once a cool-down. Degraded recommendations are nobody's, and what people turned down is left alone for a while.
 */
export class AutomaticPrices {
  readonly #deps: AutomaticPricesDeps;
  /** When a course is to be looked at again. */
  #again_ms = new Map<string, number>();
  #after = "";
  #next_round_ms = 0;
  #term = -1;
  #revision = -1;
  #decided = 0;

  constructor(deps: AutomaticPricesDeps) {
    this.#deps = deps;
  }

  /** Prices that this process has accepted or proposed by itself. */
  get decided(): number {
    return this.#decided;
  }

  /** A round, if this process is the one and it is time. */
  async check(): Promise<void> {
    const { lease, features, policies, degradation, turns, clock } = this.#deps;
    const open = features.current;
    const began_ms = clock.now_ms();
    if (!lease.held || open === undefined || began_ms < this.#next_round_ms || !policies.applies || degradation.reasons.length > 0) return;
    if (this.#term !== lease.term || this.#revision !== policies.revision) this.#again_ms = new Map();
    this.#term = lease.term;
    this.#revision = policies.revision;
    const holds = (): boolean => lease.held && lease.term === this.#term && features.current === open;
    const found = await turns.run(this.#look(began_ms), holds);
    if (found === undefined) return;
    for (let i = 0; i < found.length; i += DECIDING_MAX) await Promise.all(found.slice(i, i + DECIDING_MAX).map((each) => this.#decide(each)));
    if (this.#after === "") this.#next_round_ms = clock.now_ms() + PAUSE_RATIO * (clock.now_ms() - began_ms);
  }

  *#look(now_ms: number): Generator<void, Found[]> {
    const found: Found[] = [];
    for (;;) {
      const { store } = this.#deps.features.current!;
      const ids = firstIds(store, "course", this.#after, IDS_PER_STEP);
      for (const course_id of ids) {
        if ((this.#again_ms.get(course_id) ?? 0) > now_ms) continue;
        const candidate = this.#consider(course_id, now_ms);
        if (candidate !== undefined) found.push(candidate);
        yield;
      }
      this.#after = ids.length < IDS_PER_STEP ? "" : ids.at(-1)!;
      if (this.#after === "" || found.length >= FOUND_MAX) return found;
      yield;
    }
  }

  /** Whether a course's price is to change; says when to look again. */
  #consider(course_id: string, now_ms: number): Found | undefined {
    const { standings, recommendation: recommend } = this.#deps;
    this.#again_ms.set(course_id, now_ms + AGAIN_MS);
    const standing = standings.read(course_id);
    if (standing === undefined) return undefined;
    const { policy, limits, moment, ledger } = standing;
    const { mode } = policy.application;
    if (mode === "none") return undefined;
    const cool_ms = (moment.last_change_ms ?? Number.NEGATIVE_INFINITY) + limits.cool_down_ms;
    if (cool_ms > now_ms) {
      this.#again_ms.set(course_id, cool_ms);
      return undefined;
    }
    const patience_ms = Math.max(PATIENCE_MS, limits.cool_down_ms);
    const recommendation = recommend(course_id);
    const { optimal_price, degraded } = recommendation;
    if (degraded || brokenRule(optimal_price, limits, moment) !== undefined) return undefined;
    if (ledger.rejected?.price === optimal_price && now_ms - ledger.rejected.time_ms < patience_ms) return undefined;
    const accepts = mode === "automatic" && isInBand(optimal_price, limits.band);
    if (!accepts && ledger.proposal !== null && now_ms - parseTime(ledger.proposal.message.time) < patience_ms) return undefined;
    return { course_id, standing, recommendation, accepts };
  }

  async #decide({ course_id, standing, recommendation, accepts }: Found): Promise<void> {
    const { desk, logger } = this.#deps;
    const { mode } = standing.policy.application;
    const reason = accepts ? `Policy ${standing.policy.version} applies recommended prices.` : `Policy ${standing.policy.version} has recommended prices approved${mode === "automatic" ? " outside the teacher's band" : ""}.`;
    try {
      await desk.recommend(course_id, standing, recommendation, accepts ? "price.accepted" : "price.proposed", reason);
      this.#decided++;
    } catch (error) {
      // Somebody decided meanwhile, or CONTROL is away: the next round sees what there is then.
      if (!(error instanceof ProblemError)) throw error;
      this.#again_ms.delete(course_id);
      logger.info({ course_id, reason: errorMessage(error) }, "a recommended price was not applied");
    }
  }
}
