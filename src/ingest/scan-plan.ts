import { type EventRules, eventRules, type FieldRule, FOREIGN, OBJECT } from "./event-rules.ts";
import { NameTable } from "./name-table.ts";
import { scannedFields } from "./scanned-event.ts";

/** The names that mean something at one level of an event's object, in all types together, and the slots of their values. */
export interface Level {
  readonly list: readonly string[];
  readonly names: NameTable;
  readonly first_slot: number;
  readonly nested: readonly (Level | undefined)[];
}

export interface PlannedField extends FieldRule {
  readonly slot: number;
  /** Its values come again and again, as those of ids that name what there is. */
  readonly recurring: boolean;
  readonly fields: readonly PlannedField[];
}

export interface EventPlan extends EventRules {
  readonly fields: readonly PlannedField[];
}

const onceOnly = new Set(["id", "enrollment_id", "quote_id"]);

/** Slots of all levels. */
export let slots_count = 0;

function level(names: readonly string[], rules: readonly FieldRule[]): Level {
  const list = [...new Set([...names, ...rules.map((rule) => rule.name)])];
  const first_slot = slots_count;
  slots_count += list.length;
  const nested = list.map((name) => {
    const inside = rules.filter((rule) => rule.name === name).flatMap((rule) => rule.fields);
    return inside.length === 0 ? undefined : level([], inside);
  });
  return { list, names: new NameTable(list), first_slot, nested };
}

function plan(rules: readonly FieldRule[], { list, first_slot, nested }: Level): readonly PlannedField[] {
  return rules.map((rule) => {
    const index = list.indexOf(rule.name);
    const inside = nested[index];
    const fields = inside === undefined || rule.kind !== OBJECT ? [] : plan(rule.fields, inside);
    // A field that ScannedEvent has no room for is left to the schema.
    const kind = first_slot > 0 || index < scannedFields.length ? rule.kind : FOREIGN;
    return Object.assign({}, rule, { kind, slot: first_slot + index, recurring: !onceOnly.has(rule.name), fields });
  });
}

/** The first slots are scannedFields. */
export const topLevel: Level = level(scannedFields, eventRules.flatMap((rules) => rules.fields));

export const eventPlans: readonly EventPlan[] = eventRules.map((rules) => Object.assign({}, rules, { fields: plan(rules.fields, topLevel) }));

export const typeNames: NameTable = new NameTable(eventPlans.map(({ type }) => type));
