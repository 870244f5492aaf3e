import { type CitationAnswer, type CitationVerdict, citationVerdicts, type redemptionsQuerySchema } from "../../contracts/quote.ts";
import type { z } from "zod";
import { must } from "../../lib/assert.ts";
import type { FeatureStoreReader } from "../../features/store.ts";
import { citationAnswer } from "../../pricing/personal/redemption.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import type { Turns } from "../turns.ts";

const PER_STEP = 32;
/** Enrollments that are looked at for one page of a rare verdict: then the page ends, and says where the next one begins. */
const LOOKED_AT_MAX = 20_000;

export type CitationCounts = Readonly<Record<CitationVerdict, number>>;

interface Page {
  readonly redemptions: readonly CitationAnswer[];
  readonly next: string | null;
}

const none = (): Record<CitationVerdict, number> => Object.fromEntries(citationVerdicts.map((verdict) => [verdict, 0])) as Record<CitationVerdict, number>;

function citationAt(store: FeatureStoreReader, place: string): CitationAnswer {
  const slash = place.indexOf("/");
  const citation = must(store.citation(place.slice(0, slash), place.slice(slash + 1)), "a citation went while it was read");
  return citationAnswer(citation, store.quote(citation.quote_id));
}

/** The enrollments that cited quotes, each beside the quote that it cited: joined when they are read, since two streams tell of them. */
export class CitationList {
  readonly #features: FeatureSource;
  readonly #turns: Turns;
  #counts: CitationCounts = none();

  constructor(features: FeatureSource, turns: Turns) {
    this.#features = features;
    this.#turns = turns;
  }

  /** As of the last count. */
  get counts(): CitationCounts {
    return this.#counts;
  }

  /** A page, by learner. Throws ProblemError. */
  async page(query: z.output<typeof redemptionsQuerySchema>): Promise<Page> {
    return this.#turns.admit(async () => {
      for (;;) {
        const open = mustFeatures(this.#features);
        const page = await this.#turns.run(listed(open.store, query), () => this.#features.current === open);
        if (page !== undefined) return page;
      }
    });
  }

  /** Counts them all, in turns with everything else. */
  async count(): Promise<void> {
    const open = this.#features.current;
    if (open === undefined) return;
    const counted = await this.#turns.run(counting(open.store), () => this.#features.current === open);
    if (counted !== undefined) this.#counts = counted;
  }
}

/** Places from one on, a step's worth at a time: what is read is of one turn. */
function nextPlaces(store: FeatureStoreReader, after: string): string[] {
  const places: string[] = [];
  for (const place of store.citationKeys("", after)) if (places.push(place) >= PER_STEP) break;
  return places;
}

function* listed(store: FeatureStoreReader, { verdict, after = "", limit }: z.output<typeof redemptionsQuerySchema>): Generator<void, Page> {
  const redemptions: CitationAnswer[] = [];
  let at = after;
  for (let looked = 0; looked < LOOKED_AT_MAX; yield) {
    const places = nextPlaces(store, at);
    if (places.length === 0) return { redemptions, next: null };
    for (const place of places) {
      looked++;
      at = place;
      const answer = citationAt(store, place);
      if (verdict === undefined || answer.verdict === verdict) redemptions.push(answer);
      if (redemptions.length >= limit) return { redemptions, next: at };
    }
  }
  return { redemptions, next: at };
}

function* counting(store: FeatureStoreReader): Generator<void, CitationCounts> {
  const counts = none();
  let at = "";
  for (;;) {
    const places = nextPlaces(store, at);
    if (places.length === 0) return counts;
    for (const place of places) counts[citationAt(store, place).verdict]++;
    at = places.at(-1)!;
    yield;
  }
}
