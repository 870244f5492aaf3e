import { z } from "zod";
import { SubjectHistory } from "./subject-history.ts";

const tokenEventSchema = z.object({
  type: z.enum(["token.purchased", "token.earned", "token.spent", "token.refunded", "token.expired"]),
  time: z.string(),
  amount: z.number(),
  course_id: z.string().optional(),
});
export type TokenEvent = z.infer<typeof tokenEventSchema>;

/** What a learner's tokens did: the fold keeps sums, not transactions. */
export class TokenHistory extends SubjectHistory<TokenEvent> {
  /** Newest first; undefined while the broker is away or slow. */
  of(learner_id: string): Promise<readonly TokenEvent[] | undefined> {
    return this.read(learner_id, `token.${learner_id}`, (event) => tokenEventSchema.safeParse(event).data);
  }
}
