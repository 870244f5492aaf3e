import { z } from "zod";
import { changeFields } from "./change.ts";

/** Body of PUT /learners/{id}/personalisation. */
export const personalisationBodySchema = z.object({ allowed: z.boolean(), ...changeFields });

/** Whether a learner's own data may move the prices that the learner sees; they may until somebody says otherwise. */
export const personalisationAnswerSchema = z.object({
  learner_id: z.string(),
  allowed: z.boolean(),
  /** Who said so, when and why; null: nobody has said anything. */
  author: z.string().nullable(),
  time: z.string().nullable(),
  reason: z.string().nullable(),
  sequence: z.int(),
});
export type PersonalisationAnswer = z.infer<typeof personalisationAnswerSchema>;
