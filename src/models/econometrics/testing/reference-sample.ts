import { readFileSync } from "node:fs";
import { join } from "node:path";
import { factorOf, type Sample } from "../sample.ts";

export interface ReferenceFit {
  readonly names: readonly string[];
  readonly estimates: readonly number[];
  readonly covariance: readonly (readonly number[])[];
}

type Columns = Readonly<Record<string, readonly number[]>>;
type Fits = Readonly<Record<string, ReferenceFit>>;

/** What reference.R and reference.py wrote: R's lm, glm, ivreg and sandwich, and statsmodels. */
export interface Reference {
  readonly data: Columns;
  readonly ols: Fits & { readonly r2: number };
  readonly wls: Fits & { readonly r2: number };
  readonly fe1: Fits & { readonly r2: number };
  readonly wfe1: Fits;
  readonly fe2: Fits & { readonly r2: number };
  readonly wfe2: Fits;
  readonly iv1: Fits;
  readonly iv3: Fits;
  readonly iv3_weighted: Fits;
  readonly iv3_fe2: Fits;
  readonly poisson: Fits & { readonly deviance: number; readonly dispersion: number };
  readonly poisson_weighted: Fits & { readonly deviance: number };
  readonly poisson_fe1: Fits & { readonly deviance: number };
  readonly poisson_fe2: Fits & { readonly deviance: number; readonly dispersion: number };
  readonly sargan: { readonly j: number; readonly p: number };
  readonly hansen: { readonly robust: number; readonly course: number; readonly p_course: number };
  readonly first_stage: Readonly<Record<string, { readonly f: number; readonly f_effective: number }>>;
  readonly anderson_rubin: Readonly<Record<string, { readonly f: number; readonly low: number; readonly high: number }>>;
  readonly orthogonal: { readonly y: number[]; readonly d: number[]; readonly z: number[]; readonly theta: number; readonly variance: number; readonly theta_iv: number; readonly variance_iv: number };
  readonly distributions: Readonly<Record<"t" | "f" | "chi_square" | "normal" | "t_quantile" | "f_quantile", Columns>>;
}

export const reference = JSON.parse(readFileSync(join(import.meta.dirname, "reference.json"), "utf8")) as Reference;

/** The data set as a sample: quantity on price with controls x1 and x2, and as much else as is asked for. */
export function referenceSample(parts: { outcome?: string; instruments?: readonly string[]; fixed_effects?: readonly string[]; clusters?: readonly string[]; weighted?: boolean; exposed?: boolean } = {}): Sample {
  const values = (name: string): Float64Array => Float64Array.from(reference.data[name]!);
  const column = (name: string): { name: string; values: Float64Array } => ({ name, values: values(name) });
  const factor = (name: string): ReturnType<typeof factorOf> => factorOf(name, values(name));
  return {
    rows: reference.data["price"]!.length,
    outcome: column(parts.outcome ?? "quantity"),
    treatment: column("price"),
    controls: ["x1", "x2"].map(column),
    instruments: (parts.instruments ?? []).map(column),
    fixed_effects: (parts.fixed_effects ?? []).map(factor),
    clusters: (parts.clusters ?? []).map(factor),
    ...(parts.weighted === true && { weights: values("weights") }),
    ...(parts.exposed === true && { offset: values("exposure").map(Math.log) }),
  };
}
