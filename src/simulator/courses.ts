import { Prng } from "../lib/prng.ts";
import { DAY_MS, HOUR_MS } from "../lib/time.ts";
import type { Difficulty, QualityTier } from "../contracts/fields.ts";
import type { PlatformConfig } from "./config.ts";

export const TASTE_DIMENSIONS = 4;
export const difficulties: readonly Difficulty[] = ["beginner", "intermediate", "advanced", "expert"];
export const tiers: readonly QualityTier[] = ["basic", "standard", "premium", "elite"];
const categoryNames = ["programming", "data-science", "design", "business", "languages", "marketing", "photography", "music"];

export interface Categories {
  readonly count: number;
  readonly names: readonly string[];
  readonly price_tokens: Float64Array;
  readonly level: Float64Array;
  /** log b of the category before and after the break; levels shift with it. */
  readonly log_sensitivity: Float64Array;
  readonly break_log_sensitivity: Float64Array;
  readonly break_level: Float64Array;
  readonly centroid: Float64Array;
}

/** Columns of the catalogue. Level, taste, sensitivity and popularity are truth; the rest travels in events. */
export interface Courses {
  readonly count: number;
  readonly category: Uint8Array;
  readonly teacher: Uint32Array;
  readonly difficulty: Uint8Array;
  readonly tier: Uint8Array;
  readonly base_price_tokens: Float64Array;
  readonly launched_ms: Float64Array;
  /** a_c: quality, which raises both price and demand. */
  readonly level: Float64Array;
  readonly log_sensitivity: Float64Array;
  readonly taste: Float32Array;
  readonly popularity: Float64Array;
  /** When in its week the course is repriced, ms after the week's start. */
  readonly reprice_offset_ms: Float64Array;
}

/**
 * b of the categories, low to high. Population-averaged elasticity is stronger by what a purse that is too small
 * turns away, and weaker by 1 − conversion.
 */
const SENSITIVITY_LOW = 0.45;
const SENSITIVITY_HIGH = 1.5;
const COURSE_SENSITIVITY_SD = 0.15;
const COURSE_LEVEL_SD = 0.6;
const ZIPF_EXPONENT = 0.8;

function shuffled(n: number, random: Prng): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}

export function drawCategories(config: PlatformConfig): Categories {
  const count = Math.min(categoryNames.length, config.courses);
  const random = new Prng(`${config.seed}:categories`);
  const order = shuffled(count, random);
  const column = (): Float64Array => new Float64Array(count);
  const categories: Categories = {
    count,
    names: categoryNames.slice(0, count),
    price_tokens: column(),
    level: column(),
    log_sensitivity: column(),
    break_log_sensitivity: column(),
    break_level: column(),
    centroid: new Float64Array(count * TASTE_DIMENSIONS),
  };
  for (let k = 0; k < count; k++) {
    // Evenly spread ranks, so that a seed cannot draw a platform without variety.
    const rank = (order[k]! + random.uniform()) / count;
    categories.log_sensitivity[k] = Math.log(SENSITIVITY_LOW + (SENSITIVITY_HIGH - SENSITIVITY_LOW) * rank);
    categories.price_tokens[k] = 80 + 50 * random.uniform();
    categories.level[k] = 0.2 * random.normal();
    const broken = k % 2 === 0 ? config.drift : 0;
    const sign = k % 4 === 0 ? 1 : -1;
    categories.break_log_sensitivity[k] = 0.12 * sign * broken;
    categories.break_level[k] = -0.3 * sign * broken;
    for (let d = 0; d < TASTE_DIMENSIONS; d++) categories.centroid[k * TASTE_DIMENSIONS + d] = 0.5 * random.normal();
  }
  return categories;
}

export function drawCourses(config: PlatformConfig, start_ms: number, categories: Categories): Courses {
  const n = config.courses;
  const random = new Prng(`${config.seed}:courses`);
  const rank = shuffled(n, random);
  const courses: Courses = {
    count: n,
    category: new Uint8Array(n),
    teacher: new Uint32Array(n),
    difficulty: new Uint8Array(n),
    tier: new Uint8Array(n),
    base_price_tokens: new Float64Array(n),
    launched_ms: new Float64Array(n),
    level: new Float64Array(n),
    log_sensitivity: new Float64Array(n),
    taste: new Float32Array(n * TASTE_DIMENSIONS),
    popularity: new Float64Array(n),
    reprice_offset_ms: new Float64Array(n),
  };
  const span_ms = config.end_ms - start_ms;
  for (let c = 0; c < n; c++) {
    // The first courses cover every category and are old, so that no category is ever empty.
    const k = c < categories.count ? c : random.integer(categories.count);
    courses.category[c] = k;
    courses.teacher[c] = random.integer(config.teachers);
    courses.difficulty[c] = random.integer(difficulties.length);
    const quality = random.normal();
    const looks = 0.8 * quality + 0.6 * random.normal();
    courses.tier[c] = looks < -0.8 ? 0 : looks < 0.4 ? 1 : looks < 1.3 ? 2 : 3;
    courses.level[c] = COURSE_LEVEL_SD * quality;
    const log_price = Math.log(categories.price_tokens[k]!) + 0.4 * courses.level[c]! + 0.12 * (courses.difficulty[c]! - 1.5) + 0.1 * (courses.tier[c]! - 1) + 0.25 * random.normal();
    courses.base_price_tokens[c] = Math.max(5, Math.round(Math.exp(log_price)));
    const early = random.uniform() < 0.7 || c < 2 * categories.count;
    const when = random.uniform();
    courses.launched_ms[c] = Math.floor(early ? start_ms - (10 + when * 720) * DAY_MS : start_ms + (0.01 + when * 0.94) * span_ms);
    courses.log_sensitivity[c] = COURSE_SENSITIVITY_SD * random.normal();
    for (let d = 0; d < TASTE_DIMENSIONS; d++) {
      courses.taste[c * TASTE_DIMENSIONS + d] = 0.5 * categories.centroid[k * TASTE_DIMENSIONS + d]! + 0.2 * random.normal();
    }
    courses.popularity[c] = (rank[c]! + 10) ** -ZIPF_EXPONENT;
    courses.reprice_offset_ms[c] = random.integer(7 * 24) * HOUR_MS;
  }
  return courses;
}
