import { z } from "zod";
import { type Event, eventSchemas, type EventType, eventTypes } from "../contracts/events.ts";
import { idSchema, timeSchema } from "../contracts/fields.ts";
import { eventSubject } from "../contracts/subjects.ts";

/** What a rule asks of a value. FOREIGN: more than rules can say, so that the schema must decide. */
export const ID = 0;
export const TIME = 1;
export const TEXT = 2;
export const NUMBER = 3;
export const BOOLEAN = 4;
export const ONE_OF = 5;
export const OBJECT = 6;
export const FOREIGN = 7;

export interface FieldRule {
  readonly name: string;
  readonly kind: number;
  readonly required: boolean;
  /** Bounds of numbers, inclusive unless `above`: then greater than `min`. */
  readonly min: number;
  readonly max: number;
  readonly above: boolean;
  readonly whole: boolean;
  /** Of TEXT. */
  readonly length_max: number;
  readonly options: readonly string[];
  /** Of OBJECT. */
  readonly fields: readonly FieldRule[];
}

export interface EventRules {
  readonly type: EventType;
  readonly fields: readonly FieldRule[];
  /** The subject without the id at its end, and the field that the id is in. */
  readonly subject: string;
  readonly backfill_subject: string;
  readonly key: string;
}

const foreign: FieldRule = { name: "", kind: FOREIGN, required: true, min: -Infinity, max: Infinity, above: false, whole: false, length_max: Infinity, options: [], fields: [] };

/** What each check of a number or a text asks; undefined for one that is not known here. */
function bounds(schema: z.ZodNumber | z.ZodString): Partial<FieldRule> | undefined {
  const bounds: { -readonly [Key in keyof FieldRule]?: FieldRule[Key] } = {};
  for (const { _zod } of schema.def.checks ?? []) {
    const check = _zod.def as { check: string; value?: unknown; inclusive?: boolean; maximum?: number };
    if (check.check === "greater_than" && typeof check.value === "number") {
      const before = bounds.min ?? -Infinity;
      if (check.value >= before) bounds.above = check.inclusive === false || (check.value === before && bounds.above === true);
      bounds.min = Math.max(before, check.value);
    } else if (check.check === "less_than" && typeof check.value === "number" && check.inclusive === true) bounds.max = Math.min(bounds.max ?? Infinity, check.value);
    else if (check.check === "max_length" && bounds.length_max === undefined) bounds.length_max = check.maximum ?? 0;
    else return undefined;
  }
  return bounds;
}

function isPlain(schema: z.ZodType): boolean {
  return (schema.def.checks ?? []).length === 0;
}

function fieldRule(name: string, field: z.ZodType): FieldRule {
  const required = !(field instanceof z.ZodOptional);
  const schema = required ? field : (field.unwrap() as z.ZodType);
  const rule = (kind: number, more: Partial<FieldRule> = {}): FieldRule => ({ ...foreign, name, required, kind, ...more });
  if (schema === idSchema) return rule(ID);
  if (schema === timeSchema) return rule(TIME);
  if (schema instanceof z.ZodNumber) {
    const { format } = schema.def as { format?: string };
    const limits = bounds(schema);
    if (limits !== undefined && (format === undefined || format === "safeint")) return rule(NUMBER, { ...limits, whole: format !== undefined });
  } else if (schema instanceof z.ZodString) {
    const limits = bounds(schema);
    if (limits !== undefined && schema.format === null) return rule(TEXT, limits);
  } else if (!isPlain(schema)) return rule(FOREIGN);
  if (schema instanceof z.ZodBoolean) return rule(BOOLEAN);
  if (schema instanceof z.ZodEnum) return rule(ONE_OF, { options: schema.options.filter((option) => typeof option === "string") });
  if (schema instanceof z.ZodLiteral) return rule(ONE_OF, { options: [...schema.values].filter((option) => typeof option === "string") });
  if (schema instanceof z.ZodObject && schema.def.catchall === undefined) return rule(OBJECT, { fields: objectRules(schema) });
  return rule(FOREIGN);
}

function objectRules(schema: z.ZodObject): readonly FieldRule[] {
  return Object.entries(schema.shape).map(([name, field]) => fieldRule(name, field as z.ZodType));
}

/** An id stands for itself, so that the subject shows which one is in it. */
const probe = { course_id: "course_id", learner_id: "learner_id", teacher_id: "teacher_id", category: "category" };

function subjectOf(type: EventType, root: "events" | "backfill"): readonly [prefix: string, key: string] {
  const subject = eventSubject({ type, ...probe } as unknown as Event, root);
  const end = subject.lastIndexOf(".") + 1;
  return [subject.slice(0, end), subject.slice(end)];
}

/** What the schemas and subjects of all event types say, in a form that is quick to check. */
export const eventRules: readonly EventRules[] = eventTypes
  .filter((type) => isPlain(eventSchemas[type]))
  .map((type) => {
    const [subject, key] = subjectOf(type, "events");
    return { type, fields: objectRules(eventSchemas[type]), subject, backfill_subject: subjectOf(type, "backfill")[0], key };
  });
