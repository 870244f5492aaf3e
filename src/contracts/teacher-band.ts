import { z } from "zod";
import { tokensSchema } from "./fields.ts";

/** Body of PUT /teachers/{id}/band: the least and the most that the teacher's courses may cost; 0: no such limit. */
export const teacherBandBodySchema = z
  .object({ min_price: tokensSchema, max_price: tokensSchema })
  .refine(({ min_price, max_price }) => max_price === 0 || min_price <= max_price, { message: "must not be less than min_price", path: ["max_price"] });

export const teacherBandAnswerSchema = z.object({
  teacher_id: z.string(),
  min_price: z.int(),
  max_price: z.int(),
  /** Of the `teacher.upserted` that says so: prices keep to it once it is folded. */
  event_id: z.string(),
});
export type TeacherBandAnswer = z.infer<typeof teacherBandAnswerSchema>;
