import { must } from "../lib/assert.ts";
import { CourseEvaluator } from "./course-evaluator.ts";
import { courseCategory } from "./course-features.ts";
import { Evaluator } from "./evaluator.ts";
import { publicFeatures } from "./feature-catalogue.ts";
import { featureDefinitions, offsetOf, perEntity, recordWidths } from "./feature-set.ts";
import { type RecordHeader, decodeRecord } from "./record.ts";
import type { EntityName, FeatureStoreReader } from "./store.ts";

/** The public features of one record at a time. */
export interface EntityFeatures {
  readonly entity: EntityName;
  readonly id: string;
  /** EVENTS sequence of the record's last change, and the latest event time in it. */
  readonly sequence: number;
  readonly updated_at_ms: number;
  readonly now_ms: number;
  /** In the order of entityFeatureNames. */
  readonly values: Float64Array;
}

/** Names of an entity's public features, in vector order. */
export const entityFeatureNames = perEntity((entity): readonly string[] => publicFeatures(entity).map((definition) => definition.name));

const CATEGORY_SLOT = offsetOf(courseCategory) + 1;

/** Reads the features of any entity; what prices read goes through FeatureReader, which is made for speed. */
export class EntityReader {
  readonly #store: FeatureStoreReader;
  readonly #courses = new CourseEvaluator();
  readonly #evaluators = perEntity((entity) => (entity === "course" ? undefined : new Evaluator(featureDefinitions[entity])));
  readonly #positions = perEntity((entity) => featureDefinitions[entity].flatMap((definition, i) => (definition.internal ? [] : [i])));

  constructor(store: FeatureStoreReader) {
    this.#store = store;
  }

  /** undefined when there is no such record. */
  read(entity: EntityName, id: string, now_ms: number): EntityFeatures | undefined {
    const header: RecordHeader = { sequence: 0, updated_at_ms: 0 };
    const slots = this.#decode(entity, id, header);
    if (slots === undefined) return undefined;
    const evaluator = this.#evaluators[entity];
    const all = evaluator?.evaluate(slots, now_ms) ?? this.#course(slots, now_ms);
    const values = Float64Array.from(this.#positions[entity], (position) => all[position]!);
    return { entity, id, ...header, now_ms, values };
  }

  /** A course is read with its category, as prices read it. Its internal features come last and are left out. */
  #course(slots: Float64Array, now_ms: number): Float64Array {
    const ordinal = slots[CATEGORY_SLOT]! - 1;
    if (ordinal < 0) return this.#courses.features(slots, now_ms, undefined);
    const name = must(this.#store.name("category", ordinal), "course of a category without a name");
    const category = must(this.#decode("category", name, { sequence: 0, updated_at_ms: 0 }), `category ${name} has no record`);
    return this.#courses.features(slots, now_ms, this.#courses.category(category, now_ms));
  }

  #decode(entity: EntityName, id: string, header: RecordHeader): Float64Array | undefined {
    const stored = this.#store.get(entity, id);
    if (stored === undefined) return undefined;
    const slots = new Float64Array(recordWidths[entity]);
    decodeRecord(stored, header, slots);
    return slots;
  }
}
