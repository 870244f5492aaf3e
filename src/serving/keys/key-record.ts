import { z } from "zod";
import { type KeyMessage, keyMessageSchema, roleSchema } from "../../contracts/control.ts";
import { idSchema } from "../../contracts/fields.ts";

/** What CONTROL amounts to for one key. */
export const keyRecordSchema = z.object({
  key_id: idSchema,
  name: z.string(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  role: roleSchema,
  learner_id: idSchema.optional(),
  teacher_id: idSchema.optional(),
  rate_per_s: z.number().positive().optional(),
  created: z.string(),
  author: z.string(),
  /** For ever: a key that was revoked never counts again, whatever is said of it later. */
  revoked: z.string().optional(),
});
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** The messages of one subject, oldest first. The first creation is the key; undefined without one. What is not valid, or speaks of another key, says nothing. */
export function keyRecordOf(key_id: string, messages: readonly unknown[]): KeyRecord | undefined {
  let record: KeyRecord | undefined;
  for (const message of messages) {
    const { data } = keyMessageSchema.safeParse(message);
    if (data === undefined || data.key_id !== key_id) continue;
    if (data.type === "key.created") record ??= createdRecord(data);
    else if (record !== undefined) record = { ...record, revoked: record.revoked ?? data.time };
  }
  return record;
}

function createdRecord({ key_id, name, hash, role, learner_id, teacher_id, rate_per_s, time, author }: Extract<KeyMessage, { type: "key.created" }>): KeyRecord {
  return { key_id, name, hash, role, learner_id, teacher_id, rate_per_s, created: time, author };
}
