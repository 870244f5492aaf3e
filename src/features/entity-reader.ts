import { courseCategory, courseTeacher } from "./course-features.ts";
import { Evaluator } from "./evaluator.ts";
import { outsideFeature, publicFeatures } from "./feature-catalogue.ts";
import type { FeatureDefinition } from "./definition.ts";
import { featureDefinitions, offsetOf, perEntity, recordWidths } from "./feature-set.ts";
import { PlatformDays } from "./platform-days.ts";
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
const TEACHER_SLOT = offsetOf(courseTeacher) + 1;

/** What features of an entity read of a record that goes with its own. */
interface Related {
  readonly entity: EntityName;
  readonly features: readonly { readonly name: string; readonly default: number; readonly into: number }[];
}

const evaluatorOf = (entity: EntityName): Evaluator => new Evaluator(featureDefinitions[entity], outsideNames(entity));

/** Inputs from other records, each once. */
function outsideNames(entity: EntityName): readonly string[] {
  return [...new Set(featureDefinitions[entity].flatMap(({ source }) => (source.kind === "derived" ? source.from.filter((name) => outsideFeature(name) !== undefined) : [])))];
}

function relatedOf(entity: EntityName, evaluator: Evaluator): readonly Related[] {
  const inputs = outsideNames(entity).map((name) => ({ definition: outsideFeature(name)!, into: evaluator.position(name) }));
  const entities = [...new Set(inputs.map(({ definition }) => definition.entity))];
  const feature = ({ definition, into }: { definition: FeatureDefinition; into: number }): Related["features"][number] => ({ name: definition.name, default: definition.default, into });
  return entities.map((other) => ({ entity: other, features: inputs.filter(({ definition }) => definition.entity === other).map(feature) }));
}

/** Reads the features of any entity; what prices read goes through FeatureReader, which is made for speed. */
export class EntityReader {
  readonly #store: FeatureStoreReader;
  readonly #evaluators = perEntity(evaluatorOf);
  /** For records that go with another: what they read of others themselves is left out. */
  readonly #others = perEntity(evaluatorOf);
  readonly #related = perEntity((entity) => relatedOf(entity, this.#evaluators[entity]));
  readonly #positions = perEntity((entity) => featureDefinitions[entity].flatMap((definition, i) => (definition.internal ? [] : [i])));
  readonly #days: PlatformDays;

  constructor(store: FeatureStoreReader) {
    this.#store = store;
    const slots = (day: string): Float64Array | undefined => this.#decode("platform", day, { sequence: 0, updated_at_ms: 0 });
    this.#days = new PlatformDays({ days: () => store.ids("platform"), sequence: (day) => store.sequence("platform", day), slots }, this.#evaluators.platform);
  }

  /** undefined when there is no such record. */
  read(entity: EntityName, id: string, now_ms: number): EntityFeatures | undefined {
    const header: RecordHeader = { sequence: 0, updated_at_ms: 0 };
    const slots = this.#decode(entity, id, header);
    if (slots === undefined) return undefined;
    const evaluator = this.#evaluators[entity];
    for (const other of this.#related[entity]) this.#readRelated(evaluator, other, this.#relatedId(other.entity, entity, id, slots), now_ms);
    if (entity === "platform") this.#days.read(id, now_ms);
    const all = evaluator.evaluate(slots, now_ms);
    const positions = this.#positions[entity];
    const values = new Float64Array(positions.length);
    for (let i = 0; i < positions.length; i++) values[i] = all[positions[i]!]!;
    return { entity, id, ...header, now_ms, values };
  }

  /** Without such a record, its features are at their defaults. */
  #readRelated(evaluator: Evaluator, { entity, features }: Related, id: string | undefined, now_ms: number): void {
    const slots = id === undefined ? undefined : this.#decode(entity, id, { sequence: 0, updated_at_ms: 0 });
    const other = this.#others[entity];
    const values = slots === undefined ? undefined : other.evaluate(slots, now_ms);
    for (const { name, default: unknown, into } of features) evaluator.values[into] = values?.[other.position(name)] ?? unknown;
  }

  /** Id of the record that goes with an entity's own. */
  #relatedId(other: EntityName, entity: EntityName, id: string, slots: Float64Array): string | undefined {
    if (entity === "learner_course") return id.split("/")[other === "learner" ? 0 : 1];
    const ordinal = slots[other === "category" ? CATEGORY_SLOT : TEACHER_SLOT]! - 1;
    return ordinal < 0 ? undefined : this.#store.name(other === "category" ? "category" : "teacher", ordinal);
  }

  #decode(entity: EntityName, id: string, header: RecordHeader): Float64Array | undefined {
    const stored = this.#store.get(entity, id);
    if (stored === undefined) return undefined;
    const slots = new Float64Array(recordWidths[entity]);
    decodeRecord(stored, header, slots);
    return slots;
  }
}
