import { Prng } from "../lib/prng.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../lib/time.ts";
import type { FactSink } from "./build-event.ts";
import { populationSeed } from "./config.ts";
import { listPrice } from "./list-price.ts";
import { PlatformState } from "./platform-state.ts";
import { ViewSampler } from "./sampler.ts";
import { weekAt } from "./shocks.ts";
import { type PlanStudy, planStudy, type StudyKind } from "./studies.ts";
import type { Calibration, WorldParameters } from "./world.ts";

type ActionKind = StudyKind | "launch" | "register" | "reprice" | "session_start" | "view" | "expired";
const ofCatalogueAndPurse: ReadonlySet<ActionKind> = new Set(["launch", "register", "expired"]);

/** Something that is due; `value` and `enrollment` mean what the kind needs. */
interface Action {
  readonly at_ms: number;
  readonly kind: ActionKind;
  readonly learner: number;
  readonly course: number;
  readonly value: number;
  readonly enrollment: number;
}

/** Relative traffic by hour of the day, UTC. */
const HOURLY = [4, 3, 2, 2, 2, 3, 5, 7, 9, 10, 10, 10, 10, 10, 10, 11, 12, 13, 14, 15, 14, 12, 9, 6];
const HOURLY_TOTAL = HOURLY.reduce((sum, weight) => sum + weight, 0);
const VIEWS_AFTER_FIRST = 3;
/** A learner who owns what the catalogue shows gets another course this many times, then looks at nothing. */
const REDRAWS_MAX = 4;

/**
 * The platform's past, one day at a time: learners come, look, top up, enroll, study and leave; courses launch and are
 * repriced. Reports facts in event-time order within the day. Random numbers come from one stream per day and
 * purpose, so that a change of calibration moves little else.
 */
export class HistoryRun {
  readonly state: PlatformState;
  exposures = 0;
  readonly #world: WorldParameters;
  readonly #calibration: Calibration;
  readonly #sink: FactSink;
  readonly #sampler: ViewSampler;
  readonly #due: Action[][];
  /** Courses by the weekday on which they are repriced. */
  readonly #repricing: number[][] = Array.from({ length: 7 }, () => []);
  /** Names the random numbers of learners and of what they do. */
  readonly #draws: string;
  #choices = new Prng("");
  #aftermath = new Prng("");
  #day = 0;

  constructor(world: WorldParameters, calibration: Calibration, sink: FactSink, from?: { readonly run: HistoryRun; readonly draws: string }) {
    this.#world = world;
    this.#calibration = calibration;
    this.#sink = sink;
    this.#draws = populationSeed(world.config);
    this.#sampler = new ViewSampler(world);
    if (from !== undefined) {
      this.#draws += `:${from.draws}`;
      this.state = new PlatformState(world, from.run.state);
      this.#day = from.run.#day;
      this.#due = from.run.#due.map((actions) => actions.filter(({ kind }) => ofCatalogueAndPurse.has(kind)));
      this.#repricing = from.run.#repricing;
      return;
    }
    this.state = new PlatformState(world);
    this.#due = Array.from({ length: this.days }, () => []);
    for (let c = 0; c < world.courses.count; c++) {
      this.#repricing[Math.floor(world.courses.reprice_offset_ms[c]! / DAY_MS)]!.push(c);
      if (world.courses.launched_ms[c]! > world.start_ms) this.#schedule(world.courses.launched_ms[c]!, "launch", 0, c, 0, 0);
    }
    for (let i = 0; i < world.learners.count; i++) {
      if (world.learners.registered_ms[i]! > world.start_ms) this.#schedule(world.learners.registered_ms[i]!, "register", i, 0, 0, 0);
    }
  }

  get days(): number {
    return this.#world.config.weeks * 7;
  }

  /**
   * The same platform from here on with other chances, named by `draws`: state, catalogue and prices go on as they are, everything that learners do is drawn
   * anew. Of studies under way nothing is planned: `plan` what becomes of them before the first day is run.
   */
  fork(draws: string, sink: FactSink): HistoryRun {
    return new HistoryRun(this.#world, this.#calibration, sink, { run: this, draws });
  }

  /** Lets something happen to a study; beyond the end of the history it is forgotten. */
  readonly plan: PlanStudy = (at_ms, kind, { learner, course, enrollment }, value) => this.#schedule(at_ms, kind, learner, course, value, enrollment);

  /** Runs the next day. Call it `days` times. */
  runDay(): void {
    const day = this.#day;
    const day_ms = this.#world.start_ms + day * DAY_MS;
    this.#choices = new Prng(`${this.#draws}:choices:${day}`);
    this.#aftermath = new Prng(`${this.#draws}:aftermath:${day}`);
    if (day === 0) this.#open(day_ms);
    if (day % 7 === 0) this.#openWeek(day_ms);
    const actions = this.#due[day]!;
    this.#due[day] = [];
    this.#addRepricings(actions, day, day_ms);
    this.#sampler.rebuild(day_ms, this.state.churned);
    this.#addSessions(actions, day_ms, new Prng(`${this.#draws}:arrivals:${day}`));
    actions.sort((a, b) => a.at_ms - b.at_ms);
    for (const action of actions) this.#perform(action);
    this.#day++;
  }

  #open(at_ms: number): void {
    const { config, courses, learners } = this.#world;
    const random = new Prng(`${this.#draws}:opening`);
    for (let teacher = 0; teacher < config.teachers; teacher++) this.#sink("teacher.upserted", at_ms, 0, 0, Math.round(100 * random.uniform()) / 100, teacher);
    for (let c = 0; c < courses.count; c++) if (courses.launched_ms[c]! <= at_ms) this.#sink("course.upserted", at_ms, 0, c, 0, 0);
    for (let i = 0; i < learners.count; i++) {
      if (learners.registered_ms[i]! > at_ms) continue;
      this.#sink("learner.upserted", at_ms, i, 0, 0, 0);
      this.#credit("token.purchased", i, 50 * (1 + random.integer(5)), at_ms);
    }
  }

  #openWeek(at_ms: number): void {
    const { categories, shocks, learners } = this.#world;
    const week = weekAt(shocks, this.#world.start_ms, at_ms);
    for (let k = 0; k < categories.count; k++) {
      const price = categories.price_tokens[k]! * Math.exp(shocks.competitor[k * shocks.weeks + week]!);
      this.#sink("market.competitor_price", at_ms, 0, k, Math.max(1, Math.round(price)), 0);
    }
    const random = new Prng(`${this.#draws}:churn:${week}`);
    for (let i = 0; i < learners.count; i++) {
      const u = random.uniform();
      if (this.state.churned[i] === 1 || learners.registered_ms[i]! > at_ms || u >= this.state.churnHazard(this.#world, i, at_ms)) continue;
      this.state.churned[i] = 1;
      this.state.churned_ms[i] = at_ms;
      this.#schedule(at_ms + 60 * DAY_MS, "expired", i, 0, 0, 0);
    }
  }

  #addRepricings(actions: Action[], day: number, day_ms: number): void {
    const { courses } = this.#world;
    for (const course of this.#repricing[day % 7]!) {
      const at_ms = day_ms + (courses.reprice_offset_ms[course]! % DAY_MS);
      if (at_ms < courses.launched_ms[course]!) continue;
      actions.push({ at_ms, kind: "reprice", learner: 0, course, value: 0, enrollment: Math.floor(day / 7) });
    }
  }

  #addSessions(actions: Action[], day_ms: number, random: Prng): void {
    const sessions = random.poisson(this.#calibration.sessions_per_rate_day * this.#sampler.activity());
    for (let s = 0; s < sessions; s++) {
      const learner = this.#sampler.learner(random.uniform());
      let at_ms = timeOfDay(day_ms, random);
      actions.push({ at_ms, kind: "session_start", learner, course: 0, value: 0, enrollment: 0 });
      const views = 1 + random.poisson(VIEWS_AFTER_FIRST);
      for (let v = 0; v < views; v++) {
        at_ms = Math.min(day_ms + DAY_MS - 1, at_ms + Math.ceil(random.exponential(1 / (2 * MINUTE_MS))));
        actions.push({ at_ms, kind: "view", learner, course: 0, value: 0, enrollment: 0 });
      }
    }
  }

  #schedule(at_ms: number, kind: ActionKind, learner: number, course: number, value: number, enrollment: number): void {
    const day = Math.floor((at_ms - this.#world.start_ms) / DAY_MS);
    this.#due[day]?.push({ at_ms: Math.floor(at_ms), kind, learner, course, value, enrollment });
  }

  #credit(type: "token.purchased" | "token.earned", learner: number, amount: number, at_ms: number): void {
    this.state.balance[learner]! += amount;
    this.#sink(type, at_ms, learner, -1, amount, 0);
  }

  #perform(action: Action): void {
    const { at_ms, kind, learner, course, value, enrollment } = action;
    switch (kind) {
      case "view":
        return this.#view(learner, at_ms);
      case "session_start":
        return this.#startSession(learner, at_ms);
      case "reprice":
        this.state.price[course] = listPrice(this.#world, course, enrollment);
        return this.#sink("course.repriced", at_ms, 0, course, this.state.price[course]!, enrollment);
      case "launch":
        return this.#sink("course.upserted", at_ms, 0, course, 0, 0);
      case "register":
        this.#sink("learner.upserted", at_ms, learner, 0, 0, 0);
        return this.#credit("token.earned", learner, 50, at_ms);
      case "refunded":
        this.state.balance[learner]! += value;
        this.#sink("enrollment.refunded", at_ms, learner, course, 0, enrollment);
        return this.#sink("token.refunded", at_ms, learner, course, value, 0);
      case "expired": {
        const amount = this.state.balance[learner]!;
        if (amount === 0) return undefined;
        this.state.balance[learner] = 0;
        return this.#sink("token.expired", at_ms, learner, -1, amount, 0);
      }
      default:
        return this.state.churned[learner] === 1 ? undefined : this.#study(kind, at_ms, learner, course, value, enrollment);
    }
  }

  #study(kind: "session" | "assignment" | "forum" | "completed" | "dropped", at_ms: number, learner: number, course: number, value: number, enrollment: number): void {
    switch (kind) {
      case "session":
        return this.#sink("activity.session", at_ms, learner, course, value, 0);
      case "assignment":
        return this.#sink("activity.assignment", at_ms, learner, course, value, value > 0.3 ? 1 : 0);
      case "forum":
        return this.#sink("activity.forum", at_ms, learner, course, 0, 0);
      case "dropped":
        this.state.dropped[learner]!++;
        return this.#sink("enrollment.dropped", at_ms, learner, course, 0, enrollment);
      case "completed": {
        this.state.completed[learner]!++;
        this.#sink("enrollment.completed", at_ms, learner, course, 0, enrollment);
        const random = this.#aftermath;
        if (random.uniform() < 0.3) this.#credit("token.earned", learner, Math.max(1, Math.round(0.1 * value)), at_ms);
        if (random.uniform() < 0.4) {
          const rating = Math.round(3.6 + 0.8 * this.#world.courses.level[course]! + 0.8 * random.normal());
          this.#sink("activity.rating", at_ms, learner, course, Math.max(1, Math.min(5, rating)), 0);
        }
      }
    }
  }

  #startSession(learner: number, at_ms: number): void {
    const u = this.#choices.uniform();
    const packs = 1 + this.#choices.integer(4);
    if (u < 0.12 && this.state.balance[learner]! < 80) this.#credit("token.purchased", learner, 50 * packs, at_ms);
  }

  #view(learner: number, at_ms: number): void {
    const random = this.#choices;
    let course = -1;
    for (let draw = 0; draw < REDRAWS_MAX && course < 0; draw++) {
      const drawn = this.#sampler.course(learner, random.uniform(), random.uniform());
      if (!this.state.owns(this.#world, learner, drawn)) course = drawn;
    }
    const u_want = random.uniform();
    const u_top_up = random.uniform();
    if (course < 0) return;
    const price = this.state.price[course]!;
    this.exposures++;
    this.#sink("exposure.viewed", at_ms, learner, course, price, 0);
    const enrollment = this.state.enrollments;
    const choice = this.state.consider(this.#world, this.#calibration.level, learner, course, price, at_ms, u_want, u_top_up);
    if (!choice.enrolled) return;
    if (choice.bought_tokens > 0) this.#sink("token.purchased", at_ms, learner, -1, choice.bought_tokens, 0);
    this.#sink("enrollment.created", at_ms, learner, course, price, enrollment);
    this.#sink("token.spent", at_ms, learner, course, price, 0);
    planStudy(this.#world, { learner, course, price, at_ms, enrollment }, this.#aftermath, this.plan);
  }
}

/** A time within the day that starts at `day_ms`, by the hourly traffic profile of UTC. */
function timeOfDay(day_ms: number, random: Prng): number {
  let target = random.uniform() * HOURLY_TOTAL;
  let hour = 0;
  while (hour < 23 && target >= HOURLY[hour]!) target -= HOURLY[hour++]!;
  const of_day = Math.floor((hour + random.uniform()) * HOUR_MS);
  return day_ms + ((((of_day - day_ms) % DAY_MS) + DAY_MS) % DAY_MS);
}

