import { assert, must } from "../lib/assert.ts";
import type { Reading } from "./aggregator.ts";
import type { DaysFeature, DerivedFeature, FeatureDefinition, StoredFeature } from "./definition.ts";
import { offsetOf } from "./feature-set.ts";

interface StoredStep {
  readonly reading: Reading;
  readonly offset: number;
  readonly window_ms: number;
  readonly into: number;
}

interface DerivedStep {
  readonly formula: DerivedFeature["formula"];
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly into: number;
}

/** A feature of several days' records: the caller puts its value into `values`. */
export interface DaysStep {
  readonly source: DaysFeature;
  readonly into: number;
}

/** Sorts formulae so that each comes after those that it reads; a cycle is a bug. */
function inOrderOfUse(steps: DerivedStep[], definitions: readonly FeatureDefinition[]): void {
  const waiting = new Set(steps.splice(0));
  while (waiting.size > 0) {
    const ready = [...waiting].filter(({ a, b, c }) => ![...waiting].some(({ into }) => into === a || into === b || into === c));
    assert(ready.length > 0, `features are derived from each other: ${[...waiting].map(({ into }) => definitions[into]!.name).join(", ")}`);
    for (const step of ready) waiting.delete(step);
    steps.push(...ready);
  }
}

/**
 * Reads an entity's features from its record at a time: definitions resolved once into reads of slots and formulae over
 * positions. `values` holds the features in definition order, then those given from outside, then one zero for inputs
 * that a formula lacks.
 */
export class Evaluator {
  readonly values: Float64Array;
  /** Position of the first feature given from outside. */
  readonly outside: number;
  /** Features that the caller reads, from other records of the entity, before each evaluation. */
  readonly days: readonly DaysStep[];
  readonly #stored: StoredStep[];
  readonly #derived: DerivedStep[];
  readonly #positions = new Map<string, number>();

  /** `outside` names features that the caller puts into `values` before each evaluation. */
  constructor(definitions: readonly FeatureDefinition[], outside: readonly string[] = []) {
    this.outside = definitions.length;
    const none = definitions.length + outside.length;
    this.values = new Float64Array(none + 1);
    [...definitions.map((definition) => definition.name), ...outside].forEach((name, position) => {
      assert(!this.#positions.has(name), `two features are called ${name}`);
      this.#positions.set(name, position);
    });
    const stored = (source: StoredFeature, into: number): StoredStep => ({ reading: source.reading, offset: offsetOf(source.state), window_ms: source.window_ms, into });
    const derived = (source: DerivedFeature, into: number): DerivedStep => {
      const [a = none, b = none, c = none] = source.from.map((name) => this.position(name));
      return { formula: source.formula, a, b, c, into };
    };
    this.#stored = definitions.flatMap(({ source }, into) => (source.kind === "stored" ? [stored(source, into)] : []));
    this.#derived = definitions.flatMap(({ source }, into) => (source.kind === "derived" ? [derived(source, into)] : []));
    this.days = definitions.flatMap(({ source }, into) => (source.kind === "days" ? [{ source, into }] : []));
    inOrderOfUse(this.#derived, definitions);
  }

  /** Position of a feature in `values`; an unknown name is a bug. */
  position(name: string): number {
    return must(this.#positions.get(name), `no feature ${name}`);
  }

  /** Fills `values`; they stay until the next call. */
  evaluate(record: Float64Array, now_ms: number): Float64Array {
    const values = this.values;
    for (let i = 0; i < this.#stored.length; i++) {
      const step = this.#stored[i]!;
      values[step.into] = step.reading(record, step.offset, now_ms, step.window_ms);
    }
    for (let i = 0; i < this.#derived.length; i++) {
      const step = this.#derived[i]!;
      values[step.into] = step.formula(values[step.a]!, values[step.b]!, values[step.c]!, now_ms);
    }
    return values;
  }
}
