import { createHash } from "node:crypto";
import type { z } from "zod";
import { ARTIFACT_FORMAT, artifactSchema, type Artifact } from "../contracts/artifact.ts";
import type { PropensityArtifact } from "../contracts/propensity.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { exp } from "../lib/exp-log.ts";
import { courseElasticity, ownElasticity } from "./elasticity-lookup.ts";
import { elasticityFeatureNames, fillElasticityRow } from "./elasticity-features.ts";
import { compilePredictor, type Predictor } from "./predictor.ts";

/** What is believed of one course's elasticity before its own data. */
export interface ElasticityPrior {
  readonly value: number;
  readonly se: number;
  /** Of most of what is behind it: course, category, global or prior. */
  readonly source: string;
}

/** An artifact compiled to typed arrays: what serving predicts with. */
export interface CompiledModel {
  readonly digest: string;
  readonly version: string;
  readonly artifact: Artifact;
  /** Expected enrollments per exposure, in (0, 1). `view` is in courseFeatureNames order. No allocation. */
  conversionRate(view: ArrayLike<number>, log_price: number): number;
  /**
   * The prior for one course as of now: `se` covers the spread between courses and drift; `value` is at most −0.05. Of a course that training knew it holds
   * the evidence that its demand cells had forgotten by then.
   */
  elasticityPrior(category: string, course_id: string | null): ElasticityPrior;
  /** Standard deviation of courses' true conversion around conversionRate, on the logit scale. */
  readonly levelSd: number;
  /** Over-dispersion φ ≥ 1 of enrollments given exposures. */
  dispersion(category: string): number;
}

const RATE_MIN = 1e-6;
/** How far an elasticity may be, now, from its average over the data that it was estimated on: demand drifts, which is why the cells forget. */
const DRIFT_SD = 0.1;
/** A course is never believed to sell more at a higher price. */
const ELASTICITY_MAX = -0.05;

/** Clips a rate into the open unit interval that a conversion lives in. */
export function clipRate(rate: number): number {
  if (!(rate > RATE_MIN)) return RATE_MIN;
  return rate < 1 - RATE_MIN ? rate : 1 - RATE_MIN;
}

class CompiledArtifact implements CompiledModel {
  readonly digest: string;
  readonly version: string;
  readonly artifact: Artifact;
  readonly levelSd: number;
  readonly #predictor: Predictor;
  readonly #row: Float64Array;
  readonly #dispersion: Map<string, number>;

  constructor(artifact: Artifact, digest: string) {
    this.digest = digest;
    this.version = artifact.version;
    this.artifact = artifact;
    this.levelSd = artifact.level_sd;
    this.#predictor = compilePredictor(artifact.model, artifact.feature_names.length);
    this.#row = new Float64Array(artifact.feature_names.length);
    this.#dispersion = new Map(Object.entries(artifact.dispersion));
  }

  conversionRate(view: ArrayLike<number>, log_price: number): number {
    fillElasticityRow(view, log_price, this.#row, 0);
    return clipRate(exp(this.#predictor.logRate(this.#row, 0)));
  }

  elasticityPrior(category: string, course_id: string | null): ElasticityPrior {
    const { elasticity } = this.artifact;
    const own = ownElasticity(elasticity, course_id);
    const { value, se, source } = own === undefined ? courseElasticity(elasticity, category, course_id) : { ...own.prior, source: own.source };
    return { value: Math.min(value, ELASTICITY_MAX), se: Math.hypot(se, DRIFT_SD), source };
  }

  dispersion(category: string): number {
    return this.#dispersion.get(category) ?? this.#dispersion.get("") ?? 1;
  }
}

/** SHA-256 of an artifact's bytes, hex: its identity in CONTROL, decisions and caches. */
export function artifactDigest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** What an artifact's bytes say, whichever family's it is. Throws TidemarkError as `compileArtifact` does. */
export function decodeArtifact<Schema extends z.ZodType>(bytes: Uint8Array, expectedDigest: string, format: number, schema: Schema): { readonly artifact: z.output<Schema>; readonly digest: string } {
  const digest = artifactDigest(bytes);
  if (digest !== expectedDigest) throw new TidemarkError("corrupt_artifact", `artifact has digest ${digest}, ${expectedDigest} was promoted`);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new TidemarkError("corrupt_artifact", `artifact ${digest} is not JSON: ${errorMessage(error)}`, { cause: error });
  }
  const found = (json as { format?: unknown } | null)?.format;
  if (found !== format) throw new TidemarkError("incompatible_artifact", `artifact ${digest} has format ${String(found)}, this version reads ${format}`);
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new TidemarkError("corrupt_artifact", `artifact ${digest}: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  return { artifact: parsed.data, digest };
}

/** Throws TidemarkError `incompatible_artifact` unless an artifact's models read what this version builds. */
export function checkInputs(digest: string, names: readonly string[], built: readonly string[]): void {
  if (names.length !== built.length || names.some((name, i) => name !== built[i])) {
    throw new TidemarkError("incompatible_artifact", `artifact ${digest} reads the features ${names.join(", ")}, this version builds ${built.join(", ")}`);
  }
}

/**
 * Checks and compiles an artifact. Throws TidemarkError: `corrupt_artifact` when the bytes are not those that were
 * promoted or are no artifact, `incompatible_artifact` when this version's features or tree walk cannot serve it.
 */
export function compileArtifact(bytes: Uint8Array, expectedDigest: string): CompiledModel {
  const { artifact, digest } = decodeArtifact(bytes, expectedDigest, ARTIFACT_FORMAT, artifactSchema);
  checkInputs(digest, artifact.feature_names, elasticityFeatureNames);
  return new CompiledArtifact(artifact, digest);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]));
}

/** Canonical JSON (keys sorted, no spaces): equal artifacts give equal bytes. */
export function encodeArtifact(artifact: Artifact | PropensityArtifact): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(sorted(artifact)));
}
