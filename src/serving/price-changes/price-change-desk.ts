import type { PriceMessage } from "../../contracts/control.ts";
import type { PriceAction, PriceActionAnswer, PriceChangesAnswer } from "../../contracts/price-change.ts";
import { DAY_MS, formatTime, parseTime } from "../../lib/time.ts";
import type { ScheduledPrice } from "../../pricing/price-changes/price-ledger.ts";
import { brokenRule, isInBand } from "../../pricing/price-changes/price-rules.ts";
import { repricingId } from "../../pricing/price-changes/repricing.ts";
import type { ControlDesk } from "../control-desk.ts";
import type { PriceRecommendation } from "../price-service.ts";
import { ProblemError } from "../problem.ts";
import type { CourseStanding, CourseStandings } from "./course-standing.ts";

/** Who speaks for the engine itself. */
export const ENGINE_AUTHOR = "tidemark";
const SCHEDULE_MAX_MS = 366 * DAY_MS;

type Untimed<Message extends PriceMessage> = Message extends PriceMessage ? Omit<Message, "time"> : never;

const outcomes = { "price.accepted": "accepted", "price.proposed": "proposed", "price.rejected": "rejected", "price.scheduled": "scheduled" } as const;

export interface PriceChangeDeskDeps {
  readonly desk: ControlDesk;
  readonly standings: CourseStandings;
  /** The course's decision as of now. Throws ProblemError. */
  readonly recommendation: (course_id: string) => PriceRecommendation;
}

/** What people and policies decide about list prices: each decision a message on CONTROL, from which the price follows (PriceApplier). */
export class PriceChangeDesk {
  readonly #deps: PriceChangeDeskDeps;

  constructor(deps: PriceChangeDeskDeps) {
    this.#deps = deps;
  }

  changes(course_id: string, limit: number): PriceChangesAnswer {
    const standing = this.#known(course_id);
    const { policy, limits, moment, ledger, history, repriced_ms, control_created } = standing;
    const cool_ms = (moment.last_change_ms ?? Number.NEGATIVE_INFINITY) + limits.cool_down_ms;
    const { proposal } = ledger;
    return {
      course_id,
      list_price: moment.current,
      list_price_since: repriced_ms === undefined ? null : formatTime(repriced_ms),
      policy: policy.version,
      allowed: limits.allowed,
      teacher_band: limits.band ?? null,
      cooling_down_until: cool_ms > moment.now_ms ? formatTime(cool_ms) : null,
      proposal: proposal === null ? null : { sequence: proposal.sequence, price: proposal.message.price, author: proposal.message.author, reason: proposal.message.reason, time: proposal.message.time },
      scheduled: ledger.scheduled.filter(({ at_ms }) => at_ms > moment.now_ms).map(({ sequence, price, at_ms }) => ({ sequence, price, at: formatTime(at_ms) })),
      sequence: ledger.sequence,
      changes: history
        .slice(-limit)
        .toReversed()
        .map(({ sequence, message }) => changeOf(sequence, message, control_created)),
      total: history.length,
    };
  }

  /** Throws ProblemError: `unknown_course`, `price_rule` with the rule that is broken, `conflict`. */
  async act(course_id: string, action: PriceAction, author: string): Promise<PriceActionAnswer> {
    const standing = this.#known(course_id);
    const { reason, price } = action;
    const recommended = this.#deps.recommendation(course_id).optimal_price;
    const common = { author, reason, course_id, price, recommended, ...("quote_id" in action && action.quote_id !== undefined ? { quote_id: action.quote_id } : {}) };
    switch (action.action) {
      case "reject":
        return this.#write(standing, { type: "price.rejected", ...common }, action);
      case "propose":
        this.#refuseBroken(standing, price);
        return this.#write(standing, { type: "price.proposed", ...common, ...this.#jitter(course_id, action) }, action);
      case "accept": {
        this.#refuseBroken(standing, price);
        if (isInBand(price, standing.limits.band)) return this.#write(standing, { type: "price.accepted", ...common, automatic: false, ...this.#jitter(course_id, action) }, action);
        const answer = await this.#write(standing, { type: "price.proposed", ...common, ...this.#jitter(course_id, action) }, action);
        return { ...answer, detail: "The price lies outside what the course's teacher allows: it waits for approval." };
      }
      case "approve": {
        const { proposal } = standing.ledger;
        if (proposal === null) throw new ProblemError("conflict", "No proposal of this course waits for approval.");
        if (proposal.message.price !== price) throw new ProblemError("conflict", `The proposal that waits is ${proposal.message.price} tokens, not ${price}: look at it again.`, { field: "price" });
        this.#refuseBroken(standing, price);
        const { quote_id, jitter } = proposal.message;
        return this.#write(standing, { type: "price.accepted", ...common, automatic: false, ...(quote_id === undefined ? {} : { quote_id }), ...(jitter === undefined ? {} : { jitter }) }, action);
      }
      case "schedule": {
        const { moment, limits } = standing;
        const at_ms = parseTime(action.at);
        if (at_ms <= moment.now_ms || at_ms > moment.now_ms + SCHEDULE_MAX_MS) throw new ProblemError("invalid_field", "at: must lie in the future, within a year", { field: "at" });
        // What it changes from is known at its time only: the step is for then. A band that forbids it now forbids it.
        if (!isInBand(price, limits.band)) throw new ProblemError("price_rule", "The price lies outside what the course's teacher allows: propose it for approval instead.", { field: "price", extension: { rule: "teacher_band" } });
        return this.#write(standing, { type: "price.scheduled", ...common, at: action.at }, action);
      }
    }
  }

  /** What the policy has the engine decide itself. Throws ProblemError `conflict` when somebody has decided meanwhile. */
  async recommend(course_id: string, standing: CourseStanding, { quote_id, optimal_price: price }: PriceRecommendation, type: "price.accepted" | "price.proposed", reason: string): Promise<PriceActionAnswer> {
    const common = { author: ENGINE_AUTHOR, reason, course_id, price, quote_id, ...this.#jitter(course_id, { price, quote_id }) };
    return this.#write(standing, type === "price.accepted" ? { type, ...common, automatic: true } : { type, ...common }, {});
  }

  /** Decides a scheduled price whose time has come: one that breaks a rule by now is rejected, and the reason kept. */
  async settle(due: ScheduledPrice): Promise<"apply" | "refused" | "later"> {
    const standing = this.#deps.standings.read(due.course_id, due.sequence);
    if (standing !== undefined && standing.control_sequence < due.sequence) return "later";
    const broken = standing === undefined ? { rule: "unknown", detail: "nobody knows the course" } : brokenRule(due.price, standing.limits, standing.moment);
    if (broken === undefined || broken.rule === "same_price") return "apply";
    if (standing?.ledger.rejected?.price === due.price && standing.ledger.sequence > due.sequence) return "refused";
    const message: PriceMessage = { type: "price.rejected", time: formatTime(standing?.moment.now_ms ?? due.at_ms), author: ENGINE_AUTHOR, reason: `Its time came, but ${broken.detail}.`, course_id: due.course_id, price: due.price };
    await this.#deps.desk.write("price", due.course_id, message);
    return "refused";
  }

  #known(course_id: string): CourseStanding {
    const standing = this.#deps.standings.read(course_id);
    if (standing === undefined) throw new ProblemError("unknown_course", "No event of a course of this id has arrived, or none that tells a price.", { field: "id" });
    return standing;
  }

  #refuseBroken({ limits, moment }: CourseStanding, price: number): void {
    const broken = brokenRule(price, limits, moment);
    if (broken === undefined) return;
    throw new ProblemError(broken.rule === "cool_down" ? "conflict" : "price_rule", `The price cannot become ${price} tokens: ${broken.detail}.`, { field: "price", extension: { rule: broken.rule } });
  }

  /** The random part of a quoted price, as long as that decision is the one that stands: nobody says later how it was drawn. */
  #jitter(course_id: string, { price, quote_id }: { readonly price: number; readonly quote_id?: string | undefined }): { jitter?: NonNullable<Extract<PriceMessage, { type: "price.accepted" }>["jitter"]> } {
    if (quote_id === undefined) return {};
    const decision = this.#deps.recommendation(course_id);
    const { exploration } = decision;
    if (decision.quote_id !== quote_id || decision.optimal_price !== price || exploration?.kind !== "jitter" || exploration.sigma === undefined || exploration.probability === 0) return {};
    return { jitter: { base: exploration.pre_price, sigma: exploration.sigma, probability: exploration.probability } };
  }

  async #write(standing: CourseStanding, message: Untimed<PriceMessage>, { expected_sequence }: { readonly expected_sequence?: number | undefined }): Promise<PriceActionAnswer> {
    const { desk } = this.#deps;
    const { ledger, moment, control_created } = standing;
    const timed = { ...message, time: formatTime(moment.now_ms) } as PriceMessage;
    const { sequence } = await desk.write("price", timed.course_id, timed, expected_sequence ?? ledger.sequence);
    const { event_id } = changeOf(sequence, timed, control_created);
    return { course_id: timed.course_id, outcome: outcomes[timed.type], price: timed.price, sequence, event_id };
  }
}

function changeOf(sequence: number, message: PriceMessage, control_created: string): PriceChangesAnswer["changes"][number] {
  const { type, price, author, reason, time, quote_id, recommended } = message;
  return {
    sequence,
    type,
    price,
    author,
    reason,
    time,
    ...(type === "price.scheduled" ? { at: message.at } : {}),
    ...(quote_id === undefined ? {} : { quote_id }),
    ...(recommended === undefined ? {} : { recommended }),
    ...(type === "price.accepted" ? { automatic: message.automatic } : {}),
    event_id: type === "price.accepted" || type === "price.scheduled" ? repricingId(control_created, sequence) : null,
  };
}
