import { z } from "zod";
import { changeFields } from "./change.ts";

/** Families of models whose champions CONTROL names. */
export const servedFamilies = ["elasticity", "propensity"] as const;
export type ServedFamily = (typeof servedFamilies)[number];
export const modelFamilyParamsSchema = z.object({ family: z.enum(servedFamilies, `must be ${servedFamilies.join(" or ")}`) });

const version = z.string().min(1).max(100);
/** Whether it is replaced only by hand from then on. */
const pinned = z.boolean().default(false);

/** `force`: also what no run has judged, or what its run refused. */
export const modelPromoteBodySchema = z.object({ version, force: z.boolean().default(false), pinned, ...changeFields });
/** Without a version: the champion before. */
export const modelRollbackBodySchema = z.object({ version: version.optional(), pinned, ...changeFields });
/** `pinned` false lets go of it. */
export const modelPinBodySchema = z.object({ pinned: z.boolean(), ...changeFields });

const promotion = z.object({
  version: z.string(),
  digest: z.string(),
  /** Of CONTROL, for `expected_sequence`. */
  sequence: z.int(),
  time: z.string(),
  /** null: a training run promoted it. */
  author: z.string().nullable(),
  reason: z.string(),
  pinned: z.boolean(),
  run_id: z.string().nullable(),
});

/** What a change answers with: the promotion that is in force by then. */
export const modelChangedAnswerSchema = promotion.extend({ family: z.string() });
export type ModelChangedAnswer = z.infer<typeof modelChangedAnswerSchema>;

export const modelsAnswerSchema = z.object({
  family: z.string(),
  /** CONTROL sequence of the last promotion, for `expected_sequence`; 0: none. */
  sequence: z.int(),
  /** Version in service; null: none yet. */
  champion: z.string().nullable(),
  pinned: z.boolean(),
  /** Version that a rollback goes back to; null: no other has served before. */
  rollback_to: z.string().nullable(),
  /** Stored models, newest first. */
  models: z.array(
    z.object({
      version: z.string(),
      /** Empty where it was stored without. */
      digest: z.string(),
      bytes: z.int(),
      stored_at: z.string(),
      champion: z.boolean(),
      /** Whether one of the last 50 promotions names it. */
      has_served: z.boolean(),
      /** What the run that made it said; `not_judged`: no run that is kept has. What neither passed nor has served is promoted by force alone. */
      judged: z.enum(["passed", "refused", "not_judged"]),
      run_id: z.string().nullable(),
    }),
  ),
  /** The last 50, newest first. */
  promotions: z.array(promotion),
  /** Runs of training that are kept and have ended, newest first. */
  runs: z.array(
    z.object({
      run_id: z.string(),
      started_at: z.string(),
      trigger: z.string(),
      status: z.enum(["running", "completed", "failed"]),
      /** Of the artifact that it made; null: it made none. */
      version: z.string().nullable(),
      promoted: z.boolean(),
      /** Why it was promoted or not, or why it failed. */
      reason: z.string(),
      /** Mean losses on the rows held out of the run, lower is better; null where it came to no comparison. `naive` is the best of the naive forecasts. */
      losses: z.object({ metric: z.string(), challenger: z.number(), champion: z.number().nullable(), naive: z.number().nullable() }).nullable(),
    }),
  ),
});
export type ModelsAnswer = z.infer<typeof modelsAnswerSchema>;
