import { z } from "zod";
import { SubjectHistory } from "./subject-history.ts";

const competitorPriceSchema = z.object({ type: z.literal("market.competitor_price"), time: z.string(), price: z.number(), course_id: z.string().optional() });
export type CompetitorPrice = z.infer<typeof competitorPriceSchema>;

/** What competitors asked: the fold keeps the last price alone. */
export class CompetitorHistory extends SubjectHistory<CompetitorPrice> {
  /** For a course: what was said of this very course where anything was, else of its category as a whole. Newest first; undefined while the broker is away or slow. */
  async of(course_id: string, category: string): Promise<readonly CompetitorPrice[] | undefined> {
    const all = await this.read(`${category}/${course_id}`, `market.${category}`, (event) => {
      const found = competitorPriceSchema.safeParse(event).data;
      return found?.course_id === undefined || found.course_id === course_id ? found : undefined;
    });
    const own = all?.filter((price) => price.course_id !== undefined) ?? [];
    return own.length > 0 ? own : all;
  }
}
