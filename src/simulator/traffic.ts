import type { Event } from "../contracts/events.ts";
import { formatTime, HOUR_MS } from "../lib/time.ts";
import { Prng } from "../lib/prng.ts";
import { EventBuilder, type FactType } from "./build-event.ts";
import { systematicPrice } from "./list-price.ts";
import { PlatformState } from "./platform-state.ts";
import { ViewSampler } from "./sampler.ts";
import type { World } from "./world.ts";

export interface View {
  readonly learner: number;
  readonly course: number;
}

interface OpenEnrollment extends View {
  readonly enrollment_id: string;
  readonly price: number;
}

/** Share of views that are accompanied by each of these; with them and the purchases, 65 % of events are views. */
const SESSION = 0.12;
const ASSIGNMENT = 0.06;
const FORUM = 0.02;
const RATING = 0.01;
const CLOSED = 0.05;
const COMPLETED_OF_CLOSED = 0.75;
const REFUNDED_OF_CLOSED = 0.05;
const TOP_UP_BELOW_TOKENS = 80;
const REPRICED = 0.015;

const REDRAWS_MAX = 8;
/** Oldest open enrollments beyond this are forgotten; they never close. */
const OPEN_MAX = 20_000;

/**
 * What happens after the history: the same choice laws, starting from the state in which the history ended (balances,
 * ownership, who has left). Activity accompanies views at fixed shares instead of following single enrollments.
 */
export class Traffic {
  readonly #world: World;
  readonly #state: PlatformState;
  readonly #sampler: ViewSampler;
  readonly #builder: EventBuilder;
  readonly #random: Prng;
  readonly #prefix: string;
  readonly #open: OpenEnrollment[] = [];
  #events = 0;
  #enrollments = 0;
  #rebuild_ms = Number.NEGATIVE_INFINITY;

  /** Ids start with `prefix`, which must be new for every run; everything else follows from `seed`. */
  constructor(world: World, seed: number | string, prefix: string) {
    this.#world = world;
    this.#state = new PlatformState(world, world.end);
    this.#sampler = new ViewSampler(world);
    this.#builder = new EventBuilder(world);
    this.#random = new Prng(`${world.config.seed}:traffic:${seed}`);
    this.#prefix = prefix;
  }

  /** List price in force, as far as the simulator knows. */
  listPrice(course: number): number {
    return this.#state.price[course]!;
  }

  /** Who looks at what next. */
  drawView(at_ms: number): View {
    if (at_ms >= this.#rebuild_ms) {
      this.#sampler.rebuild(at_ms, this.#state.churned);
      this.#rebuild_ms = at_ms + HOUR_MS;
    }
    const random = this.#random;
    let learner = 0;
    let course = 0;
    for (let draw = 0; draw < REDRAWS_MAX; draw++) {
      learner = this.#sampler.learner(random.uniform());
      course = this.#sampler.course(learner, random.uniform(), random.uniform());
      if (!this.#state.owns(this.#world, learner, course)) break;
    }
    return { learner, course };
  }

  /** The view at `price` and what the learner does with it: exposure, then top-up, enrollment and payment if any. */
  view({ learner, course }: View, price: number, at_ms: number, quote_id?: string): Event[] {
    const exposure = this.#build("exposure.viewed", at_ms, learner, course, price, 0);
    const events = [exposure];
    if (quote_id !== undefined && exposure.type === "exposure.viewed") exposure.quote_id = quote_id;
    const u_want = this.#random.uniform();
    const u_top_up = this.#random.uniform();
    if (this.#state.owns(this.#world, learner, course)) return events;
    const choice = this.#state.consider(this.#world, this.#world.calibration.level, learner, course, price, at_ms, u_want, u_top_up);
    if (!choice.enrolled) return events;
    if (choice.bought_tokens > 0) events.push(this.#build("token.purchased", at_ms, learner, -1, choice.bought_tokens, 0));
    events.push(this.#enroll(learner, course, price, at_ms, quote_id), this.#build("token.spent", at_ms, learner, course, price, 0));
    return events;
  }

  /** What else happens on the platform, on average per view. */
  accompany(at_ms: number): Event[] {
    const random = this.#random;
    const events: Event[] = [];
    const { learner, course } = this.#open[random.integer(Math.max(1, this.#open.length))] ?? this.drawView(at_ms);
    if (random.uniform() < SESSION) events.push(this.#build("activity.session", at_ms, learner, course, Math.min(240, 5 + Math.round(random.exponential(1 / 30))), 0));
    if (random.uniform() < ASSIGNMENT) {
      const score = Math.round(100 * random.uniform() ** 0.5) / 100;
      events.push(this.#build("activity.assignment", at_ms, learner, course, score, score > 0.3 ? 1 : 0));
    }
    if (random.uniform() < FORUM) events.push(this.#build("activity.forum", at_ms, learner, course, 0, 0));
    if (random.uniform() < RATING) {
      const rating = Math.round(3.6 + 0.8 * this.#world.courses.level[course]! + 0.8 * random.normal());
      events.push(this.#build("activity.rating", at_ms, learner, course, Math.max(1, Math.min(5, rating)), 0));
    }
    if (random.uniform() < CLOSED && this.#open.length > 0) this.#close(at_ms, events);
    if (this.#state.balance[learner]! < TOP_UP_BELOW_TOKENS && random.uniform() < 0.05) {
      const amount = 50 * (1 + random.integer(4));
      this.#state.balance[learner]! += amount;
      events.push(this.#build("token.purchased", at_ms, learner, -1, amount, 0));
    }
    return events;
  }

  /** The history's own price setter at work, for traffic without an engine: now and then a jittered price. */
  repriceByJitter(course: number, at_ms: number): Event[] {
    if (this.#random.uniform() >= REPRICED) return [];
    const { jitter_sigma, weeks } = this.#world.config;
    const base = systematicPrice(this.#world, course, weeks - 1);
    const price = Math.max(1, Math.round(base * Math.exp(jitter_sigma * this.#random.normal())));
    this.#state.price[course] = price;
    return [this.#build("course.repriced", at_ms, 0, course, price, weeks - 1)];
  }

  /** The platform learned elsewhere which price is in force. */
  observeListPrice(course: number, price: number): void {
    this.#state.price[course] = price;
  }

  #build(type: FactType, at_ms: number, learner: number, course: number, value: number, extra: number): Event {
    return this.#builder.build(`${this.#prefix}-${this.#events++}`, type, at_ms, learner, course, value, extra);
  }

  #enroll(learner: number, course: number, price: number, at_ms: number, quote_id: string | undefined): Event {
    const event = this.#build("enrollment.created", at_ms, learner, course, price, 0);
    if (event.type !== "enrollment.created") return event;
    event.enrollment_id = `${this.#prefix}-E${this.#enrollments++}`;
    if (quote_id !== undefined) event.quote_id = quote_id;
    this.#open.push({ learner, course, price, enrollment_id: event.enrollment_id });
    if (this.#open.length > OPEN_MAX) this.#open.splice(0, OPEN_MAX / 2);
    return event;
  }

  /** Ends one open enrollment: completed (with a reward), refunded (with the tokens back) or dropped. */
  #close(at_ms: number, events: Event[]): void {
    const random = this.#random;
    const [closed] = this.#open.splice(random.integer(this.#open.length), 1);
    if (closed === undefined) return;
    const { learner, course, price, enrollment_id } = closed;
    const { courses } = this.#world;
    const about = { enrollment_id, learner_id: this.#builder.learnerId(learner), course_id: this.#builder.courseId(course) };
    const id = `${this.#prefix}-${this.#events++}`;
    const time = formatTime(at_ms);
    const u = random.uniform();
    if (u < COMPLETED_OF_CLOSED) {
      const amount = Math.max(1, Math.round(0.1 * courses.base_price_tokens[course]!));
      this.#state.balance[learner]! += amount;
      events.push({ id, type: "enrollment.completed", time, ...about }, this.#build("token.earned", at_ms, learner, -1, amount, 0));
    } else if (u < COMPLETED_OF_CLOSED + REFUNDED_OF_CLOSED) {
      this.#state.balance[learner]! += price;
      events.push({ id, type: "enrollment.refunded", time, ...about }, this.#build("token.refunded", at_ms, learner, course, price, 0));
    } else {
      events.push({ id, type: "enrollment.dropped", time, ...about });
    }
  }
}

export interface SampleTrafficOptions {
  readonly seed: number | string;
  readonly start_ms: number;
  /** Events a second. */
  readonly rate_per_s: number;
}

/** Events per view of the mix above, for turning an event rate into a view rate. */
const EVENTS_PER_VIEW = 1.54;

/**
 * An endless stream of live-like events at list prices, without HTTP: the simulator's mix (65 % views), in time order
 * from `start_ms` on at the given mean rate. The same world and options give the same events.
 */
export function* sampleTraffic(world: World, options: SampleTrafficOptions): Generator<Event, never> {
  const { seed, start_ms, rate_per_s } = options;
  const traffic = new Traffic(world, seed, `s${start_ms.toString(36)}-${seed}`);
  const arrivals = new Prng(`${world.config.seed}:sample:${seed}`);
  const views_per_ms = rate_per_s / EVENTS_PER_VIEW / 1000;
  for (let at = start_ms; ; at += arrivals.exponential(views_per_ms)) {
    const at_ms = Math.floor(at);
    const view = traffic.drawView(at_ms);
    yield* traffic.repriceByJitter(view.course, at_ms);
    yield* traffic.view(view, traffic.listPrice(view.course), at_ms);
    yield* traffic.accompany(at_ms);
  }
}
