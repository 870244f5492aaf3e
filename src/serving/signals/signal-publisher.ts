import { STREAM_EVENTS } from "../../contracts/subjects.ts";
import { firstIds } from "../../features/first-ids.ts";
import type { Lease } from "../../ingest/lease.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { hash32 } from "../../lib/prng.ts";
import { DAY_MS, MINUTE_MS } from "../../lib/time.ts";
import { CHURN, ENROLLMENT } from "../../pricing/learners/standing.ts";
import { nextTold } from "../../pricing/learners/transitions.ts";
import type { Degradation } from "../degradation.ts";
import type { FeatureSource, OpenFeatures } from "../feature-source.ts";
import type { LearnerScores } from "../learners/learner-scores.ts";
import type { Turns } from "../turns.ts";
import type { SignalBroker } from "./signal-broker.ts";
import { type Change, SignalWriter, wasAnother } from "./signal-writer.ts";
import { loadTold, storeTold, type ToldState } from "./told-state.ts";

/** Learners of one turn: some tenths of a millisecond. */
const IDS_PER_STEP = 128;
const SCORED_PER_STEP = 8;
/** Changes that are published before more learners are looked at, and how many of them at the same time. */
const CHANGES_MAX = 256;
const PUBLISHING_MAX = 16;
/** Each learner is scored at least once in so many rounds, event or not: scores change with time, too. */
const ROUNDS_OF_TIME = 300;
const STORED_ANEW_MS = 5 * MINUTE_MS;
/** After a round, so many times as long without one: a twentieth of a process at most, since a round takes a quarter. */
const PAUSE_RATIO = 4;
/** A fold that is further behind, or in which history is being imported, shows the past: nobody is to be told of that. */
const LAG_MAX = 10_000;
const PAST_MAX_MS = DAY_MS;
/** About 50 MB. */
const LEARNERS_MAX = 4_000_000;

export interface SignalPublisherDeps {
  readonly features: FeatureSource;
  readonly scores: LearnerScores;
  readonly degradation: Degradation;
  readonly broker: SignalBroker;
  readonly lease: Lease;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A part of a round: what it found, and where the next one begins. */
interface Part {
  readonly changes: readonly Change[];
  readonly after: string | undefined;
}

interface Round {
  readonly open: OpenFeatures;
  readonly state: ToldState;
  /** Records that changed after it are scored. */
  readonly since: number;
  /** Learns where everybody stands, and tells nobody. */
  readonly silent: boolean;
  readonly number: number;
  readonly seen: boolean;
}

/**
 * Tells on SIGNALS of learners whose segment has changed, and of those whose risk of churn has become high or is no more. One process of all does it, by a lease, and goes through
 * the learners round after round: those with new events at once, all the others now and then.
 *
 * What was told survives in SIGNALS itself and in a table that is stored now and then. A change of the model is no change of learners: where they stand by it is learnt without a word.
 */
export class SignalPublisher {
  readonly #deps: SignalPublisherDeps;
  readonly #writer: SignalWriter;
  #state: { readonly told: ToldState; readonly term: number } | undefined;
  #open: OpenFeatures | undefined;
  #since = 0;
  #rounds = 0;
  #next_round_ms = 0;
  /** Signals that are in the stored table. */
  #stored = 0;
  #stored_at_ms = 0;
  #baselines = 0;
  #passed_over = 0;

  constructor(deps: SignalPublisherDeps) {
    this.#deps = deps;
    this.#writer = new SignalWriter(deps);
  }

  get published(): number {
    return this.#writer.published;
  }

  /** Rounds that told nobody: the first one ever, and one after every change of the model. */
  get baselines(): number {
    return this.#baselines;
  }

  /** Learners of whom there is no telling, because there are too many. */
  get passed_over(): number {
    return this.#passed_over;
  }

  get leading(): boolean {
    return this.#deps.lease.held;
  }

  /** Called every second or two. Whoever cannot see the present leaves the lease to others. */
  async checkLease(): Promise<void> {
    const { broker, lease } = this.#deps;
    if (!broker.connected) return;
    if (this.#sees()) await lease.hold();
    else await lease.release();
  }

  /** One round, if this process is the one. */
  async check(): Promise<void> {
    const { lease, features, scores, broker, clock, logger } = this.#deps;
    const open = features.current;
    const began_ms = clock.now_ms();
    if (!lease.held || open === undefined || !this.#sees() || began_ms < this.#next_round_ms) return;
    const { term } = lease;
    if (this.#state?.term !== term) await this.#load(term);
    const { told } = this.#state!;
    const { digest, version } = scores.scorer;
    const silent = told.model_digest !== digest;
    if (this.#open !== open) this.#since = 0;
    this.#open = open;
    const number = ++this.#rounds;
    const began = open.store.cursor(STREAM_EVENTS)?.sequence ?? 0;
    if (!(await this.#round({ open, state: told, since: this.#since, silent, number, seen: number % 2 === 1 }))) return;
    this.#since = began;
    this.#next_round_ms = clock.now_ms() + PAUSE_RATIO * (clock.now_ms() - began_ms);
    if (!silent && !(this.published > this.#stored && clock.now_ms() - this.#stored_at_ms > STORED_ANEW_MS)) return;
    const state: ToldState = { ...told, model_digest: digest, sequence: this.#writer.sequence };
    await storeTold(broker, state);
    this.#state = { told: state, term };
    this.#stored = this.published;
    this.#stored_at_ms = clock.now_ms();
    if (!silent) return;
    this.#baselines++;
    logger.info({ model: version, learners: told.table.size }, "where learners stand is known; from now on changes are told");
  }

  #sees(): boolean {
    const { features, broker, degradation } = this.#deps;
    const { lag_events, reasons } = degradation;
    const watermark = features.current?.store.watermark();
    const follows = lag_events !== null && lag_events <= LAG_MAX && !reasons.includes("features_stale");
    return follows && broker.connected && watermark !== undefined && watermark.broker_time_ms - watermark.event_time_ms <= PAST_MAX_MS;
  }

  async #load(term: number): Promise<void> {
    const { broker, clock, logger } = this.#deps;
    const told = await loadTold(broker);
    this.#state = { told, term };
    this.#writer.goOnFrom(told.sequence);
    this.#since = 0;
    this.#stored = this.published;
    this.#stored_at_ms = clock.now_ms();
    logger.info({ learners: told.table.size, sequence: told.sequence }, "signals are told from here");
  }

  /** Whether it got to the end: not when the lease, the store or the model went meanwhile. */
  async #round(round: Round): Promise<boolean> {
    const { turns, lease, features, scores, logger } = this.#deps;
    const { term } = lease;
    const { scorer } = scores;
    const holds = (): boolean => lease.held && lease.term === term && features.current === round.open && scores.scorer === scorer;
    const { table } = round.state;
    this.#passed_over = 0;
    for (let after: string | undefined = ""; after !== undefined; ) {
      const part: Part | undefined = await turns.run(this.#look(round, after), holds);
      if (part === undefined) return false;
      for (let i = 0; i < part.changes.length; i += PUBLISHING_MAX) {
        const told = await Promise.allSettled(part.changes.slice(i, i + PUBLISHING_MAX).map((change) => this.#writer.tell(change, (now) => table.set(change.scored.learner_id, now, round.seen))));
        const failed = told.find((result) => result.status === "rejected");
        if (failed === undefined) continue;
        if (!wasAnother(failed.reason)) throw failed.reason;
        // What was told is to be read again, if it comes to that.
        this.#state = undefined;
        logger.info({ reason: errorMessage(failed.reason) }, "another process has told signals");
        return false;
      }
      after = part.after;
    }
    table.forgetOthers(round.seen);
    return true;
  }

  *#look(round: Round, from: string): Generator<void, Part> {
    const { store } = round.open;
    const changes: Change[] = [];
    let scored = 0;
    for (let after = from; changes.length < CHANGES_MAX; ) {
      const ids = firstIds(store, "learner", after, IDS_PER_STEP);
      if (ids.length === 0) return { changes, after: undefined };
      for (const id of ids) {
        if (!this.#isDue(round, id)) continue;
        const change = this.#changeOf(round, id);
        if (change !== undefined) changes.push(change);
        if (++scored % SCORED_PER_STEP === 0) yield;
      }
      after = ids.at(-1)!;
      if (changes.length >= CHANGES_MAX) return { changes, after };
      yield;
    }
    return { changes, after: from };
  }

  #isDue({ open, state, since, silent, number, seen }: Round, id: string): boolean {
    const { table } = state;
    const known = table.get(id) !== undefined;
    table.see(id, seen);
    if (known) return silent || (open.store.sequence("learner", id) ?? 0) > since || (hash32(id) - number) % ROUNDS_OF_TIME === 0;
    if (table.size < LEARNERS_MAX) return true;
    this.#passed_over++;
    return false;
  }

  /** What is to be told of a learner; what is only to be remembered is remembered here. */
  #changeOf({ open, state: { table }, silent, seen }: Round, id: string): Change | undefined {
    const scored = this.#deps.scores.score(open, id, this.#deps.clock.now_ms());
    if (scored === undefined) return undefined;
    const before = table.get(id);
    if (scored.cold_start) {
      if (before === undefined) table.set(id, null, seen);
      return undefined;
    }
    const told = nextTold(silent ? undefined : (before ?? undefined), scored.scores[ENROLLMENT]!, scored.scores[CHURN]!);
    if (!silent) return told === before ? undefined : { scored, before: before ?? null, told };
    table.set(id, told, seen);
    return undefined;
  }
}
