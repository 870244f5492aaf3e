import { EntityReader, entityFeatureNames } from "../../features/entity-reader.ts";
import { must } from "../../lib/assert.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { type FeatureSource, mustFeatures, PerStore } from "../feature-source.ts";
import { Rebuilt, type RebuiltDeps } from "../rebuilt.ts";

/** Days that the portfolio looks back on. */
const DAYS = 91;

const names = ["revenue_tokens", "enrollments", "exposures", "conversion", "tokens_outstanding", "churn_rate", "actives_30d"] as const;
export type TrendFigure = (typeof names)[number];

const positions = names.map((name) => {
  const position = entityFeatureNames.platform.indexOf(name);
  must(position >= 0 ? position : undefined, `no platform feature ${name}`);
  return position;
});

/** The platform day by day, oldest first; days without any event are zeros, and the last one is today, which is not over. */
export interface PlatformTrend {
  readonly days_ms: readonly number[];
  readonly figures: Readonly<Record<TrendFigure, readonly number[]>>;
}

/** Days' figures, read in steps: what a day says of many days takes a merge of their sketches. */
export class PlatformTrends {
  readonly #features: FeatureSource;
  readonly #readers = new PerStore(({ store }) => new EntityReader(store));
  readonly #trend: Rebuilt<PlatformTrend>;

  constructor(deps: RebuiltDeps) {
    this.#features = deps.features;
    this.#trend = new Rebuilt(deps, (open, now_ms) => this.#read(this.#readers.of(open), now_ms));
  }

  /** Of a minute ago at most. Throws ProblemError without features. */
  async trend(): Promise<PlatformTrend> {
    for (;;) {
      const built = await this.#trend.of(mustFeatures(this.#features));
      if (built !== undefined) return built.value;
    }
  }

  *#read(reader: EntityReader, now_ms: number): Generator<void, PlatformTrend> {
    const today = Math.floor(now_ms / DAY_MS);
    const days_ms: number[] = [];
    const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<TrendFigure, number[]>;
    for (let day = today - DAYS + 1; day <= today; day++) {
      const read = reader.read("platform", formatTime(day * DAY_MS).slice(0, 10), now_ms);
      days_ms.push(day * DAY_MS);
      for (const [i, name] of names.entries()) figures[name].push(read?.values[positions[i]!] ?? 0);
      yield;
    }
    return { days_ms, figures };
  }
}
