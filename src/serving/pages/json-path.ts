export type Document = Record<string, unknown>;

const isObject = (value: unknown): value is Document => typeof value === "object" && value !== null && !Array.isArray(value);

/** What stands at a path; undefined: nothing. */
export function valueAt(document: Document, path: string): unknown {
  let value: unknown = document;
  for (const name of path.split(".")) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

/** Puts a value at a path, or takes it away (undefined), with the objects around it that hold nothing else. In place. */
export function setAt(document: Document, path: string, value: unknown): void {
  const [name = "", ...rest] = path.split(".");
  if (rest.length === 0) {
    if (value === undefined) delete document[name];
    else document[name] = value;
    return;
  }
  const below = isObject(document[name]) ? document[name] : {};
  setAt(below, rest.join("."), value);
  if (Object.keys(below).length === 0) delete document[name];
  else document[name] = below;
}
