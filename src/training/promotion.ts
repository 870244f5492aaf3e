import type { Comparison, Verdict } from "../contracts/training-run.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { formatTime } from "../lib/time.ts";
import { compare, type Opponent } from "./promotion-gate.ts";
import type { Promotion, PromotionNote, StoredModel } from "../ingest/models/model-reader.ts";
import type { ModelRegistry } from "../ingest/models/registry.ts";

/** Promotions of others that one challenge lives through. */
const RACES_MAX = 5;
const REASON_CHARS_MAX = 1_000;

/** A stored model that wants to serve, and what it is judged by. */
export interface Challenge<Model> {
  readonly name: string;
  /** What it does, in a line. */
  readonly headline: string;
  readonly stored: StoredModel<Model>;
  /** Loss of every held-out row, by name; rows of a cluster are not independent. */
  readonly metric: string;
  readonly losses: Float64Array;
  readonly clusters: Int32Array;
  readonly seed: number;
  readonly naive: readonly Opponent[];
  /** Losses of a champion on the same rows. */
  lossesOf(model: Model): Float64Array;
  /** Why it may not serve, whatever its losses. */
  readonly barred: string | null;
  readonly note: Omit<PromotionNote, "time" | "reason" | "pinned">;
}

interface Judgement {
  readonly comparisons: Comparison[];
  readonly refusal: string | undefined;
}

function judgeAgainst<Model extends { readonly version: string }>(challenge: Challenge<Model>, promotion: Promotion | undefined, champion: Model | undefined): Judgement {
  const { metric, losses, clusters, seed, naive, lossesOf, barred } = challenge;
  const opponents: Opponent[] = [...naive];
  if (champion !== undefined) opponents.push({ name: `the champion ${champion.version}`, kind: "champion", losses: lossesOf(champion) });
  const comparisons = opponents.map((opponent) => compare(metric, losses, opponent, clusters, seed));
  const reasons = [
    ...(barred === null ? [] : [barred]),
    ...(promotion?.pinned === true ? [`the champion ${promotion.version} is pinned (${promotion.reason}) and replaced only by hand`] : []),
    ...comparisons.filter(({ passed }) => !passed).map(({ detail }) => detail),
  ];
  return { comparisons, refusal: reasons.length === 0 ? undefined : reasons.join("; ") };
}

function acceptance({ headline }: Challenge<unknown>, comparisons: readonly Comparison[]): string {
  const champion = comparisons.find(({ kind }) => kind === "champion");
  return `${headline}; beats the naive forecasts${champion === undefined ? "" : ` and ${champion.opponent}`}`;
}

/**
 * Promotes a stored model if it may serve and beats the naive forecasts and the present champion, each by its margin. When another is promoted meanwhile it is judged anew
 * against that one. A run that was killed after it had promoted finds itself in service.
 */
export async function decide<Model extends { readonly version: string }>(registry: ModelRegistry<Model>, challenge: Challenge<Model>, clock: Clock, logger: Logger): Promise<Verdict> {
  const { name: challenger, stored, note, headline } = challenge;
  for (let race = 1; ; race++) {
    const { sequence, promotion, model } = await registry.champion(logger);
    if (promotion?.digest === stored.digest && model !== undefined) {
      const promoted = promotion.run_id === note.run_id;
      const reason = promoted ? promotion.reason : `is the champion ${promotion.version} already: the same events, seed and code`;
      return { challenger, promoted, reason, comparisons: judgeAgainst(challenge, undefined, undefined).comparisons };
    }
    const { comparisons, refusal } = judgeAgainst(challenge, promotion, model);
    if (refusal !== undefined) return { challenger, promoted: false, reason: `${headline}; ${refusal}`.slice(0, REASON_CHARS_MAX), comparisons };
    const reason = acceptance(challenge, comparisons).slice(0, REASON_CHARS_MAX);
    try {
      await registry.promote(stored, { ...note, time: formatTime(clock.now_ms()), reason }, sequence);
      return { challenger, promoted: true, reason, comparisons };
    } catch (error) {
      if (!(error instanceof TidemarkError && error.code === "wrong_last_sequence") || race >= RACES_MAX) throw error;
      logger.info({ version: stored.version, race }, "another model was promoted meanwhile; compared with that one");
    }
  }
}
