import { randomBytes } from "node:crypto";
import { type PersonalizedBody, type PersonalRecord, personalRecordSchema } from "../../contracts/quote.ts";
import { personalQuoteSubject, STREAM_OFFERS } from "../../contracts/subjects.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { type IssuedQuote, issueQuote } from "../../pricing/personal/quote-record.ts";
import { type FeatureSource, mustFeatures, type OpenFeatures } from "../feature-source.ts";
import type { LearnerScores } from "../learners/learner-scores.ts";
import { ProblemError } from "../problem.ts";
import type { CourseDemands } from "./course-demand.ts";
import { type HeldQuote, heldBy, KnownQuotes } from "./known-quotes.ts";
import type { PersonalCall, PersonalPricer } from "./personal-pricer.ts";
import type { QuoteKeyring } from "./quote-keyring.ts";

const PUBLISH_DEADLINE_MS = 1_000;
/** Quotes of one learner and course that win against this one, before the list price is answered. */
const ATTEMPTS_MAX = 8;

export interface QuoteDeskDeps {
  readonly features: FeatureSource;
  readonly scores: LearnerScores;
  readonly demands: CourseDemands;
  readonly pricer: PersonalPricer;
  readonly keyring: QuoteKeyring;
  readonly broker: Pick<Broker, "publish" | "getMessage" | "connected">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * POST /personalized_pricing. Within a lock's time a learner has one price for a course, whichever process of whichever host answers: a quote is published to its
 * subject with the sequence of the message that it takes the place of, so that of two the broker refuses one, which reads and answers the other's. A quote that is
 * in force, and known here, is answered without asking anybody.
 */
export class QuoteDesk {
  readonly #deps: QuoteDeskDeps;
  readonly known: KnownQuotes;
  /** Calls for the same learner and course wait for the same quote. */
  readonly #issuing = new Map<string, Promise<string>>();
  /** Tells this process's quotes from all others'. */
  readonly #name = randomBytes(12).toString("base64url");
  #made = 0;
  readonly counts = { locked: 0, issued: 0, renewed: 0, lost: 0, degraded: 0, uncertain: 0 };

  constructor(deps: QuoteDeskDeps) {
    this.#deps = deps;
    this.known = new KnownQuotes();
  }

  get issuing(): number {
    return this.#issuing.size;
  }

  /** The answer's JSON; at once where a quote is in force. Throws ProblemError. */
  price(body: PersonalizedBody): string | Promise<string> {
    const { features, scores, clock } = this.#deps;
    const open = mustFeatures(features);
    const now_ms = clock.now_ms();
    const unknown = (): ProblemError => new ProblemError("unknown_learner", `No event of learner ${body.learner_id} has arrived, or the learner was erased.`, { field: "learner_id" });
    if (open.store.sequence("learner", body.learner_id) === undefined) throw unknown();
    const list_price = this.#deps.demands.listPrice(open, body.course_id);
    if (list_price === undefined) throw new ProblemError("unknown_course", `No event of course ${body.course_id} has arrived.`, { field: "course_id" });
    const opted_out = optedOut(open, body.learner_id);
    const lock = this.known.of(open, body.learner_id, body.course_id);
    if (lock !== undefined && now_ms < lock.expires_ms && heldBy(lock, { now_ms, list_price, opted_out })) {
      this.counts.locked++;
      return lock.answer;
    }
    // A quote in force holds whatever the learner does: scores, which every event of theirs changes, are for new ones.
    const scored = scores.find(body.learner_id);
    if (scored === undefined) throw unknown();
    return this.#issueOnce({ ...body, open, now_ms, scored, list_price, opted_out }, lock);
  }

  /** The quote that a learner could redeem now; undefined where there is none, and without features. */
  held(learner_id: string, course_id: string): HeldQuote | undefined {
    const { features, demands, clock } = this.#deps;
    const open = features.current;
    const lock = open === undefined ? undefined : this.known.of(open, learner_id, course_id);
    const list_price = open === undefined || lock === undefined ? undefined : demands.listPrice(open, course_id);
    if (open === undefined || lock === undefined || list_price === undefined) return undefined;
    const now_ms = clock.now_ms();
    return now_ms < lock.expires_ms && heldBy(lock, { now_ms, list_price, opted_out: optedOut(open, learner_id) }) ? lock : undefined;
  }

  #issueOnce(call: PersonalCall, lock: HeldQuote | undefined): Promise<string> {
    const key = `${call.learner_id}/${call.course_id}`;
    const under_way = this.#issuing.get(key);
    if (under_way !== undefined) return under_way;
    const issuing = this.#issue(call, lock).finally(() => this.#issuing.delete(key));
    this.#issuing.set(key, issuing);
    return issuing;
  }

  async #issue(call: PersonalCall, known: HeldQuote | undefined): Promise<string> {
    let lock = known;
    try {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (lock !== undefined && heldBy(lock, call) && call.now_ms < lock.expires_ms) return lock.answer;
        const { keyring, broker } = this.#deps;
        if (keyring.keys === undefined || !broker.connected) break;
        const renewed = lock !== undefined && heldBy(lock, call) ? await this.#renewal(call, lock) : undefined;
        const answer = renewed === undefined ? await this.#decideAndPublish(call, lock) : await this.#publish(call, renewed, lock);
        if (answer !== undefined) {
          this.counts[renewed === undefined ? "issued" : "renewed"]++;
          return answer;
        }
        this.counts.lost++;
        lock = await this.#inForce(call);
      }
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.counts.uncertain++;
      this.#deps.logger.warn({ learner_id: call.learner_id, course_id: call.course_id, error: errorMessage(error) }, "a personal quote could not be recorded: the list price was answered");
    }
    return this.#unpromised(call, lock);
  }

  async #decideAndPublish(call: PersonalCall, lock: HeldQuote | undefined): Promise<string | undefined> {
    const decided = await this.#deps.pricer.decide(call);
    const quote = issueQuote(decided.decision, call, decided.times, this.#deps.keyring.keys!, this.#nonce(), { found: decided.found });
    let settled: "made" | "lost" | "unknown" = "unknown";
    try {
      const answer = await this.#publish(call, quote, lock);
      settled = answer === undefined ? "lost" : "made";
      return answer;
    } finally {
      decided.settle(settled);
    }
  }

  /** The answer once the broker has the quote; undefined when another one was faster. Throws TidemarkError: then nothing is known of it. */
  async #publish({ learner_id, course_id }: PersonalCall, quote: IssuedQuote, lock: HeldQuote | undefined): Promise<string | undefined> {
    const { record, record_json, answer_json } = quote;
    const subject = personalQuoteSubject(learner_id, course_id);
    try {
      const { sequence } = await this.#deps.broker.publish(subject, Buffer.from(record_json), {
        message_id: record.terms.quote_id,
        expected_last_subject_sequence: lock?.sequence ?? 0,
        deadline_ms: PUBLISH_DEADLINE_MS,
      });
      this.known.add({ ...record.terms, sequence, personal: record.answer.personal_features_used, answer: answer_json });
      return answer_json;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "wrong_last_sequence") return undefined;
      throw error;
    }
  }

  /** The quote that the broker has for the learner and the course, whoever made it. */
  async #inForce({ learner_id, course_id }: PersonalCall): Promise<HeldQuote | undefined> {
    const message = await this.#deps.broker.getMessage(STREAM_OFFERS, { last_by_subject: personalQuoteSubject(learner_id, course_id) });
    if (message === undefined) return undefined;
    const record = readRecord(message.data);
    if (record === undefined) return { learner_id, course_id, quote_id: "", price: 0, issued_ms: 0, expires_ms: 0, locked_ms: 0, sequence: message.sequence, personal: false, answer: "" };
    const quote: HeldQuote = { ...record.terms, sequence: message.sequence, personal: record.answer.personal_features_used, answer: record.answer_json };
    this.known.add(quote);
    return quote;
  }

  /** The same price promised anew, where a quote is over and its price still locked; undefined when what it was decided from is gone. */
  async #renewal(call: PersonalCall, { sequence, quote_id, locked_ms }: HeldQuote): Promise<IssuedQuote | undefined> {
    const { broker, keyring } = this.#deps;
    const message = await broker.getMessage(STREAM_OFFERS, { sequence });
    const record = message === undefined ? undefined : readRecord(message.data);
    if (record?.terms.quote_id !== quote_id) return undefined;
    const lasts_ms = record.terms.expires_ms - record.terms.issued_ms;
    const times = { issued_ms: call.now_ms, expires_ms: Math.min(locked_ms, call.now_ms + lasts_ms), locked_ms };
    const { kind: _kind, terms: _terms, signature: _signature, renews: _renews, charged_milli: _charged, answer: _answer, answer_json: _json, ...decision } = record;
    return issueQuote(decision, call, times, keyring.keys!, this.#nonce(), { renews: quote_id });
  }

  #unpromised(call: PersonalCall, lock: HeldQuote | undefined): string {
    this.counts.degraded++;
    const missing = this.#deps.keyring.keys === undefined ? "no_quote_keys" : "broker_unreachable";
    return this.#deps.pricer.unpromised(call, lock !== undefined && heldBy(lock, call) ? lock.price : undefined, missing);
  }

  #nonce(): string {
    return `${this.#name}${this.#made++}`;
  }
}

function optedOut({ store }: OpenFeatures, learner_id: string): boolean {
  return store.control("learner", learner_id)?.message.allowed === false;
}

function readRecord(data: Uint8Array): (PersonalRecord & { readonly answer_json: string }) | undefined {
  try {
    const raw = JSON.parse(Buffer.from(data).toString()) as { answer?: unknown };
    const record = personalRecordSchema.safeParse(raw).data;
    return record === undefined ? undefined : { ...record, answer_json: JSON.stringify(raw.answer) };
  } catch {
    return undefined;
  }
}
