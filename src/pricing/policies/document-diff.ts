/** A field whose value differs, by its path such as `weights.elasticity`; what is absent on a side is null there. */
export interface FieldChange {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value);

/** What differs between two documents of plain JSON, in order of paths. Lists are compared as a whole. */
export function documentDiff(from: unknown, to: unknown, path = ""): FieldChange[] {
  if (isRecord(from) && isRecord(to)) {
    const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    return names.flatMap((name) => documentDiff(valueOf(from, name), valueOf(to, name), path === "" ? name : `${path}.${name}`));
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ field: path, from: from ?? null, to: to ?? null }];
}

/** Names are data: `constructor` is no field unless it is one. */
function valueOf(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
