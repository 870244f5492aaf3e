import { z } from "zod";

/** What an artifact follows from. Which run made it, and when, is in that run's record and in CONTROL: equal runs give equal bytes. */
export const lineageSchema = z.object({
  seed: z.int(),
  stream: z.string(),
  stream_created: z.string(),
  first_sequence: z.int(),
  last_sequence: z.int(),
  data_from: z.string(),
  data_to: z.string(),
  /** End of the last label window that it was fitted to or selected by: what comes later judges it fairly. */
  fitted_to: z.string(),
  rows: z.int(),
  code_version: z.string(),
});
export type Lineage = z.infer<typeof lineageSchema>;
