import { z } from "zod";

/** A number that may be infinite or not exist is null. */
const number = z.number().nullable();
const text = z.string();
const count = z.int().min(0);

/** The values that are not ruled out; an end that is null is infinite. */
const confidenceSetSchema = z.strictObject({
  shape: z.enum(["interval", "ray", "disjoint", "line", "empty"]),
  parts: z.array(z.strictObject({ low: number, high: number })),
});

const coefficientSchema = z.strictObject({ name: text, estimate: z.number(), se: number, statistic: number, p: number, low: number, high: number });

const notIdentifiedSchema = z.strictObject({ identified: z.literal(false), reason: text, detail: text });

const elasticitySchema = z.strictObject({
  value: z.number(),
  se: number,
  /** The 95 % interval, or Anderson–Rubin's set where instruments are weak. */
  ci95: confidenceSetSchema,
  ci95_source: z.enum(["t", "anderson_rubin"]),
  /** `unit` where −1 is not ruled out. */
  type: z.enum(["elastic", "inelastic", "unit"]),
});

const firstStageSchema = z.strictObject({ f: number, p: number, f_iid: number, f_effective: number, df1: count, df2: number, r2_partial: number });
const andersonRubinSchema = z.strictObject({ f: number, p: number, set: confidenceSetSchema });
const overIdentificationSchema = z.strictObject({ test: z.enum(["sargan", "hansen"]), j: number, df: count, p: number });

const estimateSchema = z.strictObject({
  identified: z.literal(true),
  elasticity: elasticitySchema,
  /** The price's first. */
  coefficients: z.array(coefficientSchema),
  /** Degrees of freedom of the tests; null: normal. */
  df: number,
  largest_cluster_share: number,
  absorbed: z.array(z.strictObject({ name: text, levels: count, redundant: count, nested: z.boolean() })),
  dropped_columns: z.array(z.strictObject({ name: text, of: z.array(text) })),
  r2: number,
  r2_within: number,
  /** Of counts: over-dispersion. */
  dispersion: number,
  first_stage: firstStageSchema.nullable(),
  anderson_rubin: andersonRubinSchema.nullable(),
  over_identification: overIdentificationSchema.nullable(),
  /** Of double machine learning. */
  draws: z.array(z.strictObject({ estimate: z.number(), se: number })),
  nuisances: z.array(z.strictObject({ name: text, learners: z.array(text), r2: number })),
});

const heterogeneitySchema = z.strictObject({
  average: z.number(),
  slopes: z.array(z.strictObject({ name: text, slope: z.number(), mean: z.number() })),
  penalty: number,
  gain: z.number(),
  gain_se: z.number(),
});

const hierarchySchema = z.strictObject({
  identified: z.literal(true),
  mean: elasticitySchema,
  tau: z.number(),
  groups: z.array(
    z.strictObject({
      group: text,
      rows: count,
      own: z.discriminatedUnion("identified", [z.strictObject({ identified: z.literal(true), value: z.number(), se: z.number() }), notIdentifiedSchema]),
      elasticity: elasticitySchema,
      /** Weight of the common mean in it. */
      share: z.number(),
    }),
  ),
});

/** What `tidemark elasticity` writes as JSON. */
export const elasticityReportSchema = z.strictObject({
  kind: z.literal("elasticity_report"),
  version: z.literal(1),
  specification: z.strictObject({
    data: text,
    method: z.enum(["ols", "2sls", "dml", "poisson", "hierarchical"]),
    /** By which the groups of a hierarchy are estimated. */
    group_method: z.enum(["ols", "2sls", "poisson"]).nullable(),
    form: z.enum(["logs", "levels"]),
    quantity: text,
    price: text,
    controls: z.array(text),
    instruments: z.array(text),
    fixed_effects: z.array(text),
    clusters: z.array(text),
    errors: z.enum(["iid", "HC0", "HC1", "HC2", "HC3", "clustered"]),
    weights: text.nullable(),
    exposure: text.nullable(),
    offset: text.nullable(),
    panel_time: text.nullable(),
    first_differences: z.boolean(),
    group: text.nullable(),
    seed: count,
    folds: count.nullable(),
    repeats: count.nullable(),
  }),
  rows: z.strictObject({
    read: count,
    used: count,
    missing: count,
    not_positive: count,
    /** First rows of their unit, which have no difference. */
    without_previous: count,
    singletons: count,
    zero_weight: count,
    without_events: count,
    separated: count,
  }),
  clusters: z.array(z.strictObject({ name: text, levels: count })),
  result: z.union([estimateSchema, hierarchySchema, notIdentifiedSchema]),
  heterogeneity: heterogeneitySchema.nullable(),
  notes: z.array(text),
});

export type ElasticityReport = z.infer<typeof elasticityReportSchema>;
export type ReportedEstimate = z.infer<typeof estimateSchema>;
export type ReportedHierarchy = z.infer<typeof hierarchySchema>;
export type ReportedElasticity = z.infer<typeof elasticitySchema>;
