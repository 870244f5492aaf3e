import type { Event } from "../src/contracts/events.ts";
import type { Policy } from "../src/contracts/policy.ts";
import { courseFeatureIndex } from "../src/features/course-view.ts";
import { FeatureReader } from "../src/features/feature-reader.ts";
import { FeatureWriter } from "../src/features/feature-writer.ts";
import { MemoryStore } from "../src/features/memory-store.ts";
import { must } from "../src/lib/assert.ts";
import { formatTime } from "../src/lib/time.ts";
import type { CompiledModel } from "../src/models/compiled.ts";
import type { PricingInputs } from "../src/pricing/inputs.ts";
import { priceCourse, type PriceOutcome } from "../src/pricing/price-course.ts";
import { termsFor } from "../src/pricing/price-terms.ts";

const PRICE = courseFeatureIndex("price_tokens");
type Body = Event extends infer E ? (E extends Event ? Omit<E, "id" | "time"> : never) : never;

/** The shipped fold of the course's side of events, and prices from its records by the shipped code: an engine without a broker and a server. */
export class FoldedEngine {
  readonly #store = new MemoryStore();
  readonly #writer = new FeatureWriter(this.#store, { entities: ["course", "category", "teacher", "price_history"], deduplication: { block_ids: 1_024, blocks: 2, enrollments_kept: 1 } });
  #reader: FeatureReader | undefined;
  #sequence = 0;

  /** An event of now, as ingest would pass it on. */
  fold(time_ms: number, body: Body): void {
    this.apply({ id: `e${this.#sequence + 1}`, time: formatTime(time_ms), ...body }, time_ms);
  }

  apply(event: Event, time_ms: number): void {
    this.#writer.apply({ sequence: ++this.#sequence, broker_time_ms: time_ms, event_time_ms: time_ms, known_at_ms: time_ms, event });
  }

  /** What is folded from here on is not in prices until the next one. */
  commit(): void {
    this.#writer.commit({ stream_created: "s", sequence: this.#sequence, message_hash: "" });
    this.#reader ??= new FeatureReader(this.#store);
  }

  inputs(course_id: string, now_ms: number, policy: Policy, model: CompiledModel | null): PricingInputs {
    const view = must(must(this.#reader, "a commit").course(course_id, now_ms), "a course");
    return {
      course_id,
      course_features: null,
      now_ms,
      features: view.features,
      cells: view.cells,
      jitter_cells: view.jitter_cells,
      exposure: view.exposure,
      category: view.category,
      updated_at_ms: view.updated_at_ms,
      current_price: Math.round(view.features[PRICE]!),
      current_enrollments: null,
      objective: policy.objective,
      terms: termsFor(policy, course_id, view.category, view.band),
      model_digest: model?.digest ?? null,
      policy_version: policy.version,
      record_sequence: view.sequence,
      degraded: [],
    };
  }

  price(course_id: string, now_ms: number, policy: Policy, model: CompiledModel | null): PriceOutcome {
    return priceCourse(this.inputs(course_id, now_ms, policy, model), model, policy);
  }
}
