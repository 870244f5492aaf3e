import { setMaxListeners } from "node:events";
import type { Event } from "../contracts/events.ts";
import { eventSubject } from "../contracts/subjects.ts";
import type { Broker } from "../ingest/nats.ts";
import { assert } from "../lib/assert.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, MINUTE_MS } from "../lib/time.ts";
import type { PlatformConfig } from "./config.ts";
import { EngineClient } from "./engine-client.ts";
import { courseId, learnerId } from "./ids.ts";
import { Traffic, type View } from "./traffic.ts";
import { createWorld, type World } from "./world.ts";

/** Views in progress at once; arrivals beyond are turned away and counted. */
const IN_FLIGHT_MAX = 64;
const TICK_MS = 50;
/** After a pause of the process, missed arrivals older than this are not made up for. */
const CATCH_UP_MS = 1_000;
const PUBLISH_DEADLINE_MS = 5_000;
const LATE_MEAN_MS = 2 * MINUTE_MS;
const LATE_MAX = 10_000;
/** Share of views at personal prices; an enrollment then cites, and redeems, the learner's own quote. */
const PERSONAL_SHARE = 0.2;

export interface LiveOptions {
  readonly broker: Pick<Broker, "publish">;
  readonly engine_url: string;
  /** What the engine is asked with, where it asks for a key. */
  readonly key?: string | undefined;
  /** Mean views a second. */
  readonly rate_per_s: number;
  readonly config: PlatformConfig;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** The world of `config`, when the caller has it. */
  readonly world?: World;
}

/** What a run did. */
export interface LiveCounts {
  views: number;
  enrollments: number;
  quoted: number;
  /** Views at a price of the learner's own. */
  personal: number;
  turned_away: number;
  unpublished: number;
}

interface Delivery {
  readonly due_ms: number;
  readonly event: Event;
  /** A repeated delivery has an id of its own, or the broker would drop what the engine is to cope with. */
  readonly message_id: string;
}

/**
 * Learners who keep looking and buying at the prices that the engine quotes, until the signal: Poisson arrivals at
 * `rate_per_s`, the true choice model, everything published on `events.>`. Each run starts from the state in which the
 * history ended. Without an answer from the engine a view is at list price; without a broker events are lost, counted.
 */
export async function runLiveTraffic(options: LiveOptions): Promise<LiveCounts> {
  const world = options.world ?? createWorld(options.config);
  const run = new LiveRun(world, options);
  await run.run();
  options.logger.info(run.counts, "live traffic stopped");
  return run.counts;
}

class LiveRun {
  readonly counts: LiveCounts = { views: 0, enrollments: 0, quoted: 0, personal: 0, turned_away: 0, unpublished: 0 };
  readonly #world: World;
  readonly #options: LiveOptions;
  readonly #traffic: Traffic;
  readonly #engine: EngineClient;
  readonly #random: Prng;
  readonly #in_flight = new Set<Promise<void>>();
  readonly #accepted_ms = new Map<number, number>();
  #late: Delivery[] = [];

  constructor(world: World, options: LiveOptions) {
    const start = options.clock.now_ms().toString(36);
    this.#world = world;
    this.#options = options;
    this.#traffic = new Traffic(world, start, `v${start}`);
    this.#engine = new EngineClient(options.engine_url, options.logger, options.key);
    this.#random = new Prng(`${world.config.seed}:live:${start}`);
  }

  async run(): Promise<void> {
    const { clock, rate_per_s, signal } = this.#options;
    // Every visit under way listens to it, and their number is bounded.
    setMaxListeners(0, signal);
    assert(rate_per_s > 0, "no traffic at rate 0: do not run it");
    let next_ms = clock.now_ms();
    while (!signal.aborted) {
      const now_ms = clock.now_ms();
      next_ms = Math.max(next_ms, now_ms - CATCH_UP_MS);
      while (next_ms <= now_ms) {
        this.#arrive(now_ms);
        next_ms += this.#random.exponential(rate_per_s / 1000);
      }
      this.#spawn(this.#publishAll(this.#takeLate(now_ms)));
      await clock.sleep(TICK_MS);
    }
    await Promise.all(this.#in_flight);
    await this.#publishAll(this.#takeLate(Number.POSITIVE_INFINITY));
  }

  #arrive(now_ms: number): void {
    if (this.#in_flight.size >= IN_FLIGHT_MAX) {
      this.counts.turned_away++;
      return;
    }
    this.#spawn(this.#visit(this.#traffic.drawView(now_ms)));
  }

  #spawn(work: Promise<void>): void {
    const done = work.finally(() => this.#in_flight.delete(done));
    this.#in_flight.add(done);
  }

  async #visit(view: View): Promise<void> {
    const { clock, signal } = this.#options;
    const quote = await this.#engine.quote(courseId(view.course), signal);
    const at_ms = clock.now_ms();
    const events: Event[] = [];
    if (quote !== undefined) {
      this.counts.quoted++;
      this.#traffic.observeListPrice(view.course, quote.current_price);
    }
    const personal = this.#random.uniform() < PERSONAL_SHARE ? await this.#engine.personalQuote(learnerId(view.learner), courseId(view.course), signal) : undefined;
    if (personal !== undefined) this.counts.personal++;
    const price = personal?.personalized_price ?? quote?.optimal_price ?? this.#traffic.listPrice(view.course);
    const quote_id = personal === undefined ? quote?.quote_id : (personal.quote_id ?? undefined);
    events.push(...this.#traffic.view(view, price, at_ms, quote_id), ...this.#traffic.accompany(at_ms));
    this.counts.views++;
    await this.#publishAll(this.#deliveries(events, at_ms));
    // The list price is the engine's to change: the platform only says that it agrees.
    if (quote !== undefined && quote.optimal_price !== quote.current_price && this.#mayAccept(view.course, at_ms)) await this.#engine.accept(courseId(view.course), quote, signal);
  }

  /** The platform lets a list price change once a day at most. */
  #mayAccept(course: number, at_ms: number): boolean {
    if (at_ms - (this.#accepted_ms.get(course) ?? Number.NEGATIVE_INFINITY) < DAY_MS) return false;
    this.#accepted_ms.set(course, at_ms);
    return true;
  }

  /** What is published at once. Some devices report a view or an activity late: those events wait, in memory. */
  #deliveries(events: readonly Event[], at_ms: number): Delivery[] {
    const { late_share, duplicate_share } = this.#world.config;
    const now: Delivery[] = [];
    for (const event of events) {
      const delivery = { due_ms: at_ms, event, message_id: event.id };
      if (event.type !== "exposure.viewed" && !event.type.startsWith("activity.")) {
        now.push(delivery);
        continue;
      }
      const due_ms = at_ms + this.#random.exponential(1 / LATE_MEAN_MS);
      const room = this.#late.length < LATE_MAX;
      if (this.#random.uniform() < duplicate_share && room) this.#late.push({ due_ms, event, message_id: `${event.id}-again` });
      if (this.#random.uniform() < late_share && room) this.#late.push({ ...delivery, due_ms });
      else now.push(delivery);
    }
    return now;
  }

  #takeLate(now_ms: number): Delivery[] {
    if (this.#late.length === 0) return this.#late;
    const due = this.#late.filter((late) => late.due_ms <= now_ms);
    this.#late = this.#late.filter((late) => late.due_ms > now_ms);
    return due;
  }

  /** In order, each stored before the next, so that tokens are bought before they are spent. */
  async #publishAll(deliveries: readonly Delivery[]): Promise<void> {
    for (const { event, message_id } of deliveries) {
      try {
        await this.#options.broker.publish(eventSubject(event), Buffer.from(JSON.stringify(event)), { message_id, deadline_ms: PUBLISH_DEADLINE_MS });
        if (event.type === "enrollment.created") this.counts.enrollments++;
      } catch (error) {
        if (this.counts.unpublished++ === 0) this.#options.logger.warn({ reason: errorMessage(error) }, "an event could not be published");
      }
    }
  }
}
