import type { PriceBatchBody } from "../contracts/price-batch.ts";
import { BATCH_DECISION_SUBJECT, STREAM_EVENTS } from "../contracts/subjects.ts";
import type { Clock } from "../lib/clock.ts";
import { type Batch, batchId, batchRecordJson } from "../pricing/batch.ts";
import type { DecisionLog } from "./decision-log.ts";
import { type FeatureSource, mustFeatures } from "./feature-source.ts";
import type { PriceService } from "./price-service.ts";

/** A batch that had to compute this many prices since its last pause lets other calls go first. */
const COMPUTED_PER_STEP = 16;
/** Batches whose records are known to be on their way: one that is asked for again, with nothing changed, is not recorded again. */
const RECORDED_MAX = 1_024;

export interface BatchPricesDeps {
  readonly features: FeatureSource;
  readonly prices: PriceService;
  readonly decisions: DecisionLog;
  readonly clock: Clock;
}

/** POST /price_batch: each row is the course's shared decision in short, and the batch has one record, which names them. */
export class BatchPrices {
  readonly #deps: BatchPricesDeps;
  readonly #recorded = new Set<string>();
  #rows = 0;

  constructor(deps: BatchPricesDeps) {
    this.#deps = deps;
  }

  /** Rows answered. */
  get rows(): number {
    return this.#rows;
  }

  /** The answer's JSON. Throws ProblemError. */
  async answer({ course_ids, objective }: PriceBatchBody): Promise<string> {
    const { prices, features, clock } = this.#deps;
    const now_ms = clock.now_ms();
    mustFeatures(features);
    const rows: string[] = [];
    const decisions: string[] = [];
    const unknown_courses: string[] = [];
    let updated_at_ms = now_ms;
    let paused_at = prices.misses;
    for (const course_id of course_ids) {
      const row = prices.row(course_id, objective);
      if (row === undefined) {
        unknown_courses.push(course_id);
        continue;
      }
      rows.push(row.json);
      decisions.push(row.quote_id);
      if (row.updated_at_ms < updated_at_ms) updated_at_ms = row.updated_at_ms;
      if (prices.misses - paused_at < COMPUTED_PER_STEP) continue;
      await new Promise((resolve) => setImmediate(resolve));
      paused_at = prices.misses;
    }
    this.#rows += rows.length;
    const rows_json = `[${rows.join()}]`;
    const id = batchId({ rows_json, unknown_courses });
    this.#record(id, { rows_json, decisions, unknown_courses }, now_ms);
    return `{"batch_id":"${id}","prices":${rows_json},"unknown_courses":${JSON.stringify(unknown_courses)},"freshness_ms":${Math.round(now_ms - updated_at_ms)}}`;
  }

  #record(id: string, batch: Batch, decided_at_ms: number): void {
    if (this.#recorded.has(id)) return;
    if (this.#recorded.size >= RECORDED_MAX) this.#recorded.clear();
    this.#recorded.add(id);
    const cursor_sequence = this.#deps.features.current?.store.cursor(STREAM_EVENTS)?.sequence ?? 0;
    this.#deps.decisions.add({ id, subject: BATCH_DECISION_SUBJECT, json: () => batchRecordJson(id, batch, { decided_at_ms, cursor_sequence }) });
  }
}
