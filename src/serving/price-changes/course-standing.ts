import type { Policy } from "../../contracts/policy.ts";
import { STREAM_CONTROL } from "../../contracts/subjects.ts";
import { CourseSheetReader } from "../../features/course-sheet.ts";
import { courseFeatureIndex } from "../../features/course-view.ts";
import type { ControlEntry } from "../../features/store.ts";
import { noBand } from "../../features/teacher-band.ts";
import type { Clock } from "../../lib/clock.ts";
import { HOUR_MS } from "../../lib/time.ts";
import { allowedPrices, termsRange } from "../../pricing/guardrails.ts";
import { termsFor } from "../../pricing/price-terms.ts";
import { lastChangeMs, type PriceLedger, priceLedger } from "../../pricing/price-changes/price-ledger.ts";
import type { PriceLimits, PriceMoment } from "../../pricing/price-changes/price-rules.ts";
import { CourseLookup } from "../course-lookup.ts";
import { type FeatureSource, mustFeatures, PerStore } from "../feature-source.ts";
import type { PolicySource } from "../policy-source.ts";
import { scopeOf } from "../pricing-inputs.ts";

const PRICE = courseFeatureIndex("price_tokens");

/** Where a course's price stands, and what may become of it. */
export interface CourseStanding {
  readonly policy: Policy;
  readonly limits: PriceLimits;
  readonly moment: PriceMoment;
  readonly ledger: PriceLedger;
  readonly history: readonly ControlEntry<"price">[];
  /** When a list price was set last; undefined: never. */
  readonly repriced_ms: number | undefined;
  readonly control_created: string;
  readonly control_sequence: number;
}

export interface CourseStandingsDeps {
  readonly features: FeatureSource;
  readonly policies: PolicySource;
  readonly clock: Clock;
}

/** Reads where prices stand from the fold: list price and teacher's band by EVENTS, decisions by CONTROL, limits by the policy in force. */
export class CourseStandings {
  readonly #deps: CourseStandingsDeps;
  readonly #readers = new PerStore(({ store, reader }) => ({ lookup: new CourseLookup(reader), sheets: new CourseSheetReader(store) }));

  constructor(deps: CourseStandingsDeps) {
    this.#deps = deps;
  }

  /** undefined when nobody knows the course, or its price. `without`: a CONTROL message to leave out. Throws ProblemError `features_unavailable`. */
  read(course_id: string, without?: number): CourseStanding | undefined {
    const { features, policies, clock } = this.#deps;
    const open = mustFeatures(features);
    const { lookup, sheets } = this.#readers.of(open);
    const now_ms = clock.now_ms();
    const found = lookup.known(course_id, now_ms, now_ms);
    const sheet = found === undefined ? undefined : sheets.read(course_id, found.view.teacher_id, now_ms);
    if (found === undefined || sheet === undefined) return undefined;
    const { view } = found;
    const policy = policies.policyFor(scopeOf(found), now_ms);
    const current = Math.max(1, Math.round(view.features[PRICE]!));
    const history = open.store.controlHistory("price", course_id).filter(({ sequence }) => sequence !== without);
    const ledger = priceLedger(history);
    const repriced_ms = sheet.prices.at(-1)?.time_ms;
    const cursor = open.store.cursor(STREAM_CONTROL);
    return {
      policy,
      // The teacher's band bounds what needs no approval, not what may be approved; the cool-down is a rule of its own.
      limits: { allowed: allowedPrices(current, termsRange(termsFor(policy, course_id, view.category, noBand)), false, policy), band: sheet.band, cool_down_ms: policy.cool_down_hours * HOUR_MS },
      moment: { current, last_change_ms: lastChangeMs(ledger, repriced_ms, now_ms), now_ms },
      ledger,
      history,
      repriced_ms,
      control_created: cursor?.stream_created ?? "",
      control_sequence: cursor?.sequence ?? 0,
    };
  }
}
