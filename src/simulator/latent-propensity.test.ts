import { beforeAll, describe, expect, test } from "vitest";
import { must } from "../lib/assert.ts";
import { Prng } from "../lib/prng.ts";
import { DAY_MS, parseTime } from "../lib/time.ts";
import type { Event } from "../contracts/events.ts";
import { courseLogSensitivity } from "./demand.ts";
import { generateHistory } from "./history.ts";
import { type LatentPropensity, latentPropensity, trueSensitivity } from "./latent-propensity.ts";
import { ViewSampler } from "./sampler.ts";
import type { ObservedStudy } from "./study-log.ts";
import { StudyOutlook } from "./study-outlook.ts";
import { planStudy } from "./studies.ts";
import { smallPlatform } from "./test-platform.ts";
import { createWorld, drawWorld, type World } from "./world.ts";

const horizons = { gap_days: 1, enrollment_days: 30, churn_days: 40, completion_days: 30, upsell_days: 45 };
const REPLICATES = 60;

describe("the outlook of a study", () => {
  const world = drawWorld(smallPlatform());
  const age_days = 20;
  const gap_days = 3;
  const horizon_days = 25;

  /** What `planStudy` makes of one study, seen at an age, and when it ends and is completed. */
  function seen(study: ObservedStudy, random: Prng): { observed: ObservedStudy; ended_days: number; completed_days: number } {
    const observed = { ...study };
    let ended_days = Number.POSITIVE_INFINITY;
    let completed_days = Number.POSITIVE_INFINITY;
    planStudy(world, study, random, (at_ms, kind) => {
      const days = (at_ms - study.at_ms) / DAY_MS;
      const ends = kind === "completed" || kind === "dropped" || kind === "refunded";
      if (ends) ended_days = days;
      if (kind === "completed") completed_days = days;
      if (days > age_days) return;
      if (ends) Object.assign(observed, { status: kind, ended_ms: at_ms });
      else Object.assign(observed, { activities: observed.activities + 1, active_ms: Math.max(observed.active_ms, at_ms) });
    });
    return { observed, ended_days, completed_days };
  }

  test.each([
    { activities: 0, from: 0, to: 0 },
    { activities: 1, from: 10, to: 14 },
    { activities: 2, from: 15, to: 19 },
  ])("says how many are completed of those that look alike ($activities activities)", ({ activities, from, to }) => {
    const random = new Prng("studies");
    const study: ObservedStudy = { learner: 3, course: 5, price: must(world.courses.base_price_tokens[5], "a price"), at_ms: world.start_ms, enrollment: 0, status: "open", ended_ms: 0, activities: 0, active_ms: 0 };
    let alike = 0;
    let completed = 0;
    let expected = 0;
    for (let draw = 0; draw < 60_000; draw++) {
      const { observed, ended_days, completed_days } = seen(study, random);
      const active_days = (observed.active_ms - study.at_ms) / DAY_MS;
      if (observed.status !== "open" || observed.activities !== activities || (activities > 0 && (active_days < from || active_days > to)) || ended_days <= age_days + gap_days) continue;
      alike++;
      if (completed_days <= age_days + gap_days + horizon_days) completed++;
      expected += new StudyOutlook(world, observed, study.at_ms + age_days * DAY_MS).completion(gap_days, horizon_days, () => 1);
    }
    const p = expected / alike;
    expect(alike).toBeGreaterThan(500);
    expect(Math.abs(completed / alike - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / alike));
  });

  test("draws completions as often as it says, nothing of the past, and of what was dropped only activities", () => {
    const random = new Prng("plans");
    const at_ms = world.start_ms + age_days * DAY_MS;
    const open: ObservedStudy = { learner: 3, course: 5, price: 80, at_ms: world.start_ms, enrollment: 0, status: "open", ended_ms: 0, activities: 1, active_ms: world.start_ms + 12 * DAY_MS };
    const dropped: ObservedStudy = { ...open, status: "dropped", ended_ms: world.start_ms + 15 * DAY_MS };
    const outlook = new StudyOutlook(world, open, at_ms);
    let completed = 0;
    const draws = 20_000;
    for (let draw = 0; draw < draws; draw++) {
      outlook.plan(random, (then_ms, kind) => {
        expect(then_ms).toBeGreaterThan(at_ms);
        if (kind === "completed" && then_ms <= at_ms + horizon_days * DAY_MS) completed++;
      });
    }
    const p = outlook.completion(0, horizon_days, () => 1);
    expect(Math.abs(completed / draws - p)).toBeLessThan(0.015);
    const kinds = new Set<string>();
    for (let draw = 0; draw < 500; draw++) new StudyOutlook(world, dropped, at_ms).plan(random, (_at, kind) => kinds.add(kind));
    expect([...kinds].toSorted()).toEqual(["assignment", "forum", "session"]);
  });
});

describe("latent scores", () => {
  let world: World;
  let events: Event[];
  let scores: LatentPropensity[];
  let moments: number[];
  beforeAll(() => {
    world = createWorld(smallPlatform({ learners: 1_500, enrollments: 6_000, late_share: 0 }));
    moments = [world.start_ms + 80 * DAY_MS, world.start_ms + 115 * DAY_MS];
    events = [...generateHistory(world)];
    scores = latentPropensity(world, moments, horizons, REPLICATES);
  }, 120_000);

  const learnerOf = (event: Event): number => ("learner_id" in event ? Number(event.learner_id.slice(1)) : -1);
  const registered = (learner: number, at_ms: number): boolean => world.learners.registered_ms[learner]! <= at_ms;

  /** Sums of score and label in five groups of the score, as standard errors apart. */
  function apart(probability: Float64Array, happened: (learner: number) => boolean, asked: (learner: number) => boolean): number[] {
    const rows = [...probability.keys()].filter((learner) => asked(learner) && !Number.isNaN(probability[learner])).toSorted((a, b) => probability[a]! - probability[b]!);
    const groups = Array.from({ length: 5 }, (_, g) => rows.slice(Math.floor((g * rows.length) / 5), Math.floor(((g + 1) * rows.length) / 5)));
    return groups.map((group) => {
      let difference = 0;
      let variance = 1;
      for (const learner of group) {
        const p = probability[learner]!;
        difference += (happened(learner) ? 1 : 0) - p;
        // Of the label, and of the Monte Carlo mean.
        variance += p * (1 - p) * (1 + 1 / REPLICATES);
      }
      return Math.abs(difference) / Math.sqrt(variance);
    });
  }

  test.each([0, 1])("are what happens, group by group (moment %i)", (m) => {
    const at_ms = moments[m]!;
    const { enrollment, churn, completion, upsell } = scores[m]!;
    const enrolled = new Set<number>();
    const active = new Set<number>();
    const upsold = new Set<number>();
    const completed = new Set<number>();
    const dearest = new Map<number, number>();
    const tier = new Map<number, number>();
    const latest = new Map<number, string[]>();
    for (const event of events) {
      const learner = learnerOf(event);
      const start_ms = at_ms + horizons.gap_days * DAY_MS;
      const [known, began] = [parseTime(event.time) <= at_ms, parseTime(event.time) <= start_ms];
      const within = (days: number): boolean => !began && parseTime(event.time) <= start_ms + days * DAY_MS;
      if (event.type === "enrollment.created") {
        const own = world.courses.tier[Number(event.course_id.slice(1))]!;
        if (known) {
          dearest.set(learner, Math.max(dearest.get(learner) ?? 0, event.price));
          tier.set(learner, Math.max(tier.get(learner) ?? -1, own));
          latest.set(learner, [...(latest.get(learner) ?? []), event.enrollment_id]);
        }
        if (within(horizons.enrollment_days)) enrolled.add(learner);
        if (within(horizons.upsell_days) && (event.price > (dearest.get(learner) ?? Infinity) || own > (tier.get(learner) ?? Infinity))) upsold.add(learner);
      }
      if (event.type === "enrollment.completed" || event.type === "enrollment.dropped" || event.type === "enrollment.refunded") {
        const own = latest.get(learner) ?? [];
        // Ended within the gap: nobody is asked about it.
        if (known) latest.set(learner, own.filter((id) => id !== event.enrollment_id));
        else if (began && own.at(-1) === event.enrollment_id) latest.set(learner, []);
        else if (event.type === "enrollment.completed" && within(horizons.completion_days) && own.at(-1) === event.enrollment_id) completed.add(learner);
      }
      if (/^(activity\.|exposure\.|enrollment\.created|token\.purchased)/.test(event.type) && within(horizons.churn_days)) active.add(learner);
    }
    const known = (learner: number): boolean => registered(learner, at_ms);
    for (const figure of [
      ...apart(enrollment, (learner) => enrolled.has(learner), known),
      ...apart(churn, (learner) => !active.has(learner), known),
      ...apart(upsell, (learner) => upsold.has(learner), known),
      ...apart(completion, (learner) => completed.has(learner), (learner) => (latest.get(learner) ?? []).length > 0),
    ]) expect(figure).toBeLessThan(4);
    expect([...latest].every(([learner, open]) => open.length === 0 || completion[learner]! >= 0)).toBe(true);
  });

  test("tell learners apart, and repeat", () => {
    const { enrollment, churn, left } = scores[0]!;
    for (const probability of [enrollment, churn]) {
      const mean = probability.reduce((sum, p) => sum + p, 0) / probability.length;
      expect(Math.sqrt(probability.reduce((sum, p) => sum + (p - mean) ** 2, 0) / probability.length)).toBeGreaterThan(0.1);
    }
    expect(left.every((gone, learner) => gone === 0 || (enrollment[learner] === 0 && churn[learner] === 1))).toBe(true);
    expect(left.some((gone) => gone === 1)).toBe(true);
    expect(latentPropensity(world, moments.slice(0, 1), horizons, 2)).toEqual(latentPropensity(world, moments.slice(0, 1), horizons, 2));
  });

  test("are not there for windows beyond the history", () => {
    const [late] = latentPropensity(world, [world.config.end_ms - 35 * DAY_MS], horizons, 2);
    expect(late!.enrollment.every((p) => p >= 0)).toBe(true);
    for (const dimension of ["churn", "upsell"] as const) expect(late![dimension].every(Number.isNaN)).toBe(true);
    expect(() => latentPropensity(world, [world.start_ms + 1], horizons, 1)).toThrow(/days of the history/);
  });
});

test("true sensitivity is the mean b of the courses that a learner is shown", () => {
  const world = drawWorld(smallPlatform());
  const at_ms = world.start_ms + 70 * DAY_MS;
  const sampler = new ViewSampler(world);
  sampler.rebuild(at_ms, new Uint8Array(world.learners.count));
  const random = new Prng("views");
  const sensitivity = trueSensitivity(world, at_ms);
  for (const learner of [0, 7, 123]) {
    let sum = 0;
    const draws = 20_000;
    for (let draw = 0; draw < draws; draw++) sum += Math.exp(world.learners.log_sensitivity[learner]! + courseLogSensitivity(world, sampler.course(learner, random.uniform(), random.uniform()), at_ms));
    expect(sum / draws / sensitivity[learner]!).toBeCloseTo(1, 1.5);
  }
});

test("another population is other learners at the same prices", () => {
  const world = createWorld(smallPlatform());
  const other = createWorld(smallPlatform({ population: 1 }), world.calibration);
  expect(other.courses).toEqual(world.courses);
  expect(other.shocks).toEqual(world.shocks);
  expect(other.learners.rate).not.toEqual(world.learners.rate);
  const prices = (own: World): object[] => [...generateHistory(own)].flatMap((event) => (event.type === "course.repriced" ? [[event.course_id, event.time, event.price, event.jitter]] : []));
  expect(prices(other)).toEqual(prices(world));
  expect(other.totals.enrollments).not.toBe(world.totals.enrollments);
  expect(Math.abs(other.totals.enrollments / world.totals.enrollments - 1)).toBeLessThan(0.5);
});
