import { z } from "zod";
import { idSchema } from "./fields.ts";

/** What GET /stream tells of. `decisions`: course-level prices that were computed; `prices`: what becomes of recommendations. Personal prices are nobody else's. */
export const topics = ["decisions", "prices", "models", "policies", "experiments", "segments", "churn", "training"] as const;
export type Topic = (typeof topics)[number];

const topicsHint = `must be some of ${topics.join(", ")}, separated by commas`;
const isTopic = (text: string): text is Topic => (topics as readonly string[]).includes(text);

export const streamQuerySchema = z.object({
  topics: z
    .string()
    .max(200, topicsHint)
    .default("prices,models")
    .transform((text, context) => {
      const named = [...new Set(text.split(","))];
      if (named.every(isTopic)) return named;
      context.addIssue({ code: "custom", message: topicsHint });
      return z.NEVER;
    }),
  /** Decisions and prices of this course alone. */
  course_id: idSchema.optional(),
  /** As the header Last-Event-ID, for clients that cannot set one. */
  after: z.string().max(64).optional(),
});
export type StreamQuery = z.output<typeof streamQuerySchema>;

/** The `data` of an event that was asked for; the event's name is the topic. */
export const streamEventSchema = z.object({
  topic: z.enum(topics),
  /** In its stream. */
  sequence: z.int(),
  /** When the broker stored it. */
  time: z.string(),
  subject: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type StreamEvent = z.infer<typeof streamEventSchema>;

/**
 * Events besides the topics'. `ready`: which topics, from where. `gap`: what is not kept any more and therefore not told. `dropped`: the client took too long to
 * read. `closing`: the process stops, or the broker's stream was made anew. After the last two the connection ends; Last-Event-ID brings a new one to where the old one was.
 */
export const streamNotices = ["ready", "gap", "dropped", "closing"] as const;
export type StreamNotice = (typeof streamNotices)[number];
