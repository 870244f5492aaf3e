import { CourseIndex } from "../features/course-index.ts";
import type { Clock } from "../lib/clock.ts";
import { formatTime, SECOND_MS } from "../lib/time.ts";
import type { FeatureSource, OpenFeatures } from "./feature-source.ts";
import { ProblemError } from "./problem.ts";
import type { Turns } from "./turns.ts";

/** About 100 MB, and 4 s of work while it is built. */
const COURSES_MAX = 1_000_000;
/** An index is good for so many times what building it took: building goes on for a fiftieth of the time at most, and takes a quarter of that. */
const GOOD_RATIO = 50;
const GOOD_MIN_MS = SECOND_MS;
const GOOD_MAX_MS = 60 * SECOND_MS;

interface Kept {
  readonly open: OpenFeatures;
  /** undefined: there are too many courses. */
  readonly index: CourseIndex | undefined;
  readonly good_until_ms: number;
  /** As long again it is used while the next one is built. */
  readonly used_until_ms: number;
}

/** The index of all courses, built when somebody asks for an order or a filter and the last one is too old. Who keeps asking never waits for it. */
export class CourseIndexes {
  readonly #features: FeatureSource;
  readonly #turns: Turns;
  readonly #clock: Clock;
  readonly #courses_max: number;
  #kept: Kept | undefined;
  #building: { readonly open: OpenFeatures; readonly built: Promise<Kept | undefined> } | undefined;

  constructor(features: FeatureSource, turns: Turns, clock: Clock, courses_max = COURSES_MAX) {
    this.#features = features;
    this.#turns = turns;
    this.#clock = clock;
    this.#courses_max = courses_max;
  }

  /** Courses in the index that is in memory. */
  get courses(): number {
    return this.#kept?.index?.courses ?? 0;
  }

  /** Of an open store; undefined when another one takes its place meanwhile. Throws ProblemError when there are too many courses. */
  async of(open: OpenFeatures): Promise<CourseIndex | undefined> {
    const kept = await this.#keptOrBuilt(open);
    if (kept === undefined) return undefined;
    if (kept.index !== undefined) return kept.index;
    throw new ProblemError("invalid_field", `There are more than ${this.#courses_max} courses: they can be listed in order of ids only, without a filter.`, { field: "sort" });
  }

  #keptOrBuilt(open: OpenFeatures): Kept | Promise<Kept | undefined> {
    const now_ms = this.#clock.now_ms();
    const kept = this.#kept?.open === open && now_ms < this.#kept.used_until_ms ? this.#kept : undefined;
    if (kept !== undefined && now_ms < kept.good_until_ms) return kept;
    const next = this.#build(open);
    if (kept === undefined) return next;
    // What fails now fails again for whoever has to wait.
    next.catch(() => undefined);
    return kept;
  }

  /** Whoever asks meanwhile waits for the same one. */
  async #build(open: OpenFeatures): Promise<Kept | undefined> {
    if (this.#building?.open !== open) this.#building = { open, built: this.#read(open) };
    const { built } = this.#building;
    try {
      return await built;
    } finally {
      if (this.#building?.built === built) this.#building = undefined;
    }
  }

  async #read(open: OpenFeatures): Promise<Kept | undefined> {
    const began_ms = this.#clock.now_ms();
    const built = await this.#turns.run(boxed(CourseIndex.build(open.store, began_ms, this.#courses_max)), () => this.#features.current === open);
    if (built === undefined) return undefined;
    const now_ms = this.#clock.now_ms();
    const good_ms = Math.min(GOOD_MAX_MS, Math.max(GOOD_MIN_MS, GOOD_RATIO * (now_ms - began_ms)));
    this.#kept = { open, index: built.value, good_until_ms: now_ms + good_ms, used_until_ms: now_ms + 2 * good_ms };
    return this.#kept;
  }
}

/** Tells a result of undefined from none. */
function* boxed<T>(work: Generator<void, T>): Generator<void, { readonly value: T }> {
  return { value: yield* work };
}

export const indexedAt = (index: CourseIndex): { indexed_at: string } => ({ indexed_at: formatTime(index.at_ms) });
