import { sigmoid } from "../../lib/linear-algebra.ts";
import { Prng } from "../../lib/prng.ts";
import { normalCdf } from "../normal.ts";
import { evaluateOffPolicy } from "./evaluate.ts";
import type { LoggedDraw } from "./logged-draw.ts";

/** A law of whole prices: base·exp(shift + sigma·N(0, 1)), rounded; sigma 0 is one price. */
export interface PriceLaw {
  readonly shift: number;
  readonly sigma: number;
}

export interface SimulatedLog {
  readonly courses: number;
  readonly draws_per_course: number;
  readonly views_mean: number;
  readonly logged: PriceLaw;
  readonly candidate: PriceLaw;
  /** How far the model's demand lies from the truth, in log-odds of the level and as a share of the slope. */
  readonly level_error: number;
  readonly slope_error: number;
}

const plain: SimulatedLog = { courses: 60, draws_per_course: 8, views_mean: 30, logged: { shift: 0, sigma: 0.1 }, candidate: { shift: 0.05, sigma: 0.1 }, level_error: 0.2, slope_error: -0.3 };

/** From full overlap to hardly any, with a model that is wrong in level and slope; the first is the plain one. */
export const overlaps: readonly SimulatedLog[] = [
  plain,
  { ...plain, candidate: { shift: 0, sigma: 0.1 } },
  { ...plain, candidate: { shift: 0.1, sigma: 0.1 } },
  { ...plain, candidate: { shift: -0.1, sigma: 0.1 } },
  { ...plain, candidate: { shift: 0.05, sigma: 0.03 } },
  { ...plain, courses: 25, draws_per_course: 4 },
  { ...plain, courses: 400, draws_per_course: 6, views_mean: 5, candidate: { shift: 0.1, sigma: 0 } },
];

export interface IntervalCoverage {
  /** Logs that no verdict was refused on, and those that one was. */
  readonly judged: number;
  readonly refused: number;
  /** Of the judged, those whose 95 % interval holds the truth. */
  readonly snips: number;
  readonly doubly_robust: number;
}

/** How often intervals hold what all courses there could be would bring, over simulated logs of one kind. */
export function intervalCoverage(log: SimulatedLog, seed: string, logs: number): IntervalCoverage {
  const truth = trueValue(log.candidate);
  const found = { judged: 0, refused: 0, snips: 0, doubly_robust: 0 };
  for (let i = 0; i < logs; i++) {
    const { refusal, estimates } = evaluateOffPolicy(simulateLog(`${seed}-${i}`, log));
    if (refusal !== undefined || estimates === undefined) {
      found.refused++;
      continue;
    }
    found.judged++;
    for (const name of ["snips", "doubly_robust"] as const) if (estimates[name].ci95[0] <= truth && truth <= estimates[name].ci95[1]) found[name]++;
  }
  return found;
}

interface Course {
  readonly base: number;
  readonly level: number;
  readonly slope: number;
}

function drawCourse(random: Prng): Course {
  return { base: 20 + 100 * random.uniform(), level: -2.5 + 0.6 * random.normal(), slope: Math.max(0.4, 1.6 + 0.4 * random.normal()) };
}

/** The exact probability of a whole price. */
function probabilityOf({ base }: Course, { shift, sigma }: PriceLaw, price: number): number {
  const centre = base * Math.exp(shift);
  if (sigma === 0) return Math.max(1, Math.round(centre)) === price ? 1 : 0;
  const at = (edge: number): number => normalCdf(Math.log(edge / centre) / sigma);
  return at(price + 0.5) - (price === 1 ? 0 : at(price - 0.5));
}

function drawPrice({ base }: Course, { shift, sigma }: PriceLaw, random: Prng): number {
  return Math.max(1, Math.round(base * Math.exp(shift + sigma * random.normal())));
}

const conversion = ({ base, level, slope }: Course, price: number): number => sigmoid(level - slope * Math.log(price / base));

/** Expected tokens a view under a law of prices. */
function expectedReward(course: Course, law: PriceLaw, reward: (price: number) => number): number {
  const centre = course.base * Math.exp(law.shift);
  const reach = Math.max(1, Math.ceil(centre * (Math.exp(6 * law.sigma) - 1)));
  let sum = 0;
  for (let price = Math.max(1, Math.floor(centre) - reach); price <= centre + reach; price++) sum += probabilityOf(course, law, price) * reward(price);
  return sum;
}

/** A log of drawn prices with the weights and the model's expectations that an evaluation is given. */
export function simulateLog(seed: string, { courses, draws_per_course, views_mean, logged, candidate, level_error, slope_error }: SimulatedLog): LoggedDraw[] {
  const random = new Prng(seed);
  const draws: LoggedDraw[] = [];
  for (let c = 0; c < courses; c++) {
    const course = drawCourse(random);
    const believed: Course = { ...course, level: course.level + level_error, slope: course.slope * (1 + slope_error) };
    const expected = (price: number): number => price * conversion(believed, price);
    const expected_candidate = expectedReward(course, candidate, expected);
    for (let d = 0; d < draws_per_course; d++) {
      const price = drawPrice(course, logged, random);
      const views = random.poisson(views_mean);
      const reward = price * random.binomial(views, conversion(course, price));
      const weight = probabilityOf(course, candidate, price) / probabilityOf(course, logged, price);
      draws.push({ cluster: `C${c}`, draw: String(d), views, reward, weight, expected_candidate, expected_logged: expected(price) });
    }
  }
  return draws;
}

/** Expected tokens a view under the candidate, over all courses there could be. */
export function trueValue(candidate: PriceLaw, courses = 20_000): number {
  const random = new Prng("truth");
  let sum = 0;
  for (let c = 0; c < courses; c++) {
    const course = drawCourse(random);
    sum += expectedReward(course, candidate, (price) => price * conversion(course, price));
  }
  return sum / courses;
}
