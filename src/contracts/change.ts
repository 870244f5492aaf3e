import { z } from "zod";

/** What every request that changes something says: why, and which state of the subject it was decided on. */
export const changeFields = {
  reason: z.string().trim().min(1).max(1_000),
  /** CONTROL sequence of the subject's last message, as its GET says (0: none); the change is refused (409) once it is another. Left out: whatever there is now. */
  expected_sequence: z.int().min(0).optional(),
};
