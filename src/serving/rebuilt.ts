import type { Clock } from "../lib/clock.ts";
import { SECOND_MS } from "../lib/time.ts";
import type { FeatureSource, OpenFeatures } from "./feature-source.ts";
import type { Turns } from "./turns.ts";

/** What was built is good for so many times what building it took: building goes on for a fiftieth of the time at most, and takes a quarter of that. */
const GOOD_RATIO = 50;
const GOOD_MIN_MS = SECOND_MS;
const GOOD_MAX_MS = 60 * SECOND_MS;

interface Kept<Value> {
  readonly open: OpenFeatures;
  readonly value: Value;
  readonly good_until_ms: number;
  /** As long again it is used while the next one is built. */
  readonly used_until_ms: number;
}

export interface RebuiltDeps {
  readonly features: FeatureSource;
  readonly turns: Turns;
  readonly clock: Clock;
}

/** Something that is made of a whole store, in steps, when somebody asks for it and the last one is too old. Who keeps asking never waits for it. */
export class Rebuilt<Value> {
  readonly #deps: RebuiltDeps;
  readonly #build: (open: OpenFeatures, now_ms: number) => Generator<void, Value>;
  #kept: Kept<Value> | undefined;
  #building: { readonly open: OpenFeatures; readonly built: Promise<Kept<Value> | undefined> } | undefined;

  constructor(deps: RebuiltDeps, build: (open: OpenFeatures, now_ms: number) => Generator<void, Value>) {
    this.#deps = deps;
    this.#build = build;
  }

  /** The last one, however old. */
  get last(): Value | undefined {
    return this.#kept?.value;
  }

  /** Of an open store; undefined when another one takes its place meanwhile. At once where one is kept that is not too old, or is asked for `however_old`. */
  of(open: OpenFeatures, however_old = false): { readonly value: Value } | Promise<{ readonly value: Value } | undefined> {
    const now_ms = this.#deps.clock.now_ms();
    const kept = this.#kept?.open === open && (however_old || now_ms < this.#kept.used_until_ms) ? this.#kept : undefined;
    if (kept !== undefined && now_ms < kept.good_until_ms) return kept;
    const next = this.#next(open);
    if (kept === undefined) return next;
    // What fails now fails again for whoever has to wait.
    next.catch(() => undefined);
    return kept;
  }

  /** Whoever asks meanwhile waits for the same one. */
  async #next(open: OpenFeatures): Promise<Kept<Value> | undefined> {
    if (this.#building?.open !== open) this.#building = { open, built: this.#read(open) };
    const { built } = this.#building;
    try {
      return await built;
    } finally {
      if (this.#building?.built === built) this.#building = undefined;
    }
  }

  async #read(open: OpenFeatures): Promise<Kept<Value> | undefined> {
    const { turns, features, clock } = this.#deps;
    const began_ms = clock.now_ms();
    const built = await turns.run(boxed(this.#build(open, began_ms)), () => features.current === open);
    if (built === undefined) return undefined;
    const now_ms = clock.now_ms();
    const good_ms = Math.min(GOOD_MAX_MS, Math.max(GOOD_MIN_MS, GOOD_RATIO * (now_ms - began_ms)));
    this.#kept = { open, value: built.value, good_until_ms: now_ms + good_ms, used_until_ms: now_ms + 2 * good_ms };
    return this.#kept;
  }
}

/** Tells a result of undefined from none. */
function* boxed<T>(work: Generator<void, T>): Generator<void, { readonly value: T }> {
  return { value: yield* work };
}
