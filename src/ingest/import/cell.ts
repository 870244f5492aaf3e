import { parseTime } from "../../lib/time.ts";

/**
 * What a cell is read as. Events have schemas of their own, which decide what is allowed; this only turns text into the values that they take:
 * `time` into milliseconds, `label` into lower case, `name` into an id, `json` into what it says.
 */
export type CellKind = "text" | "id" | "label" | "name" | "number" | "boolean" | "time" | "json";
export type CellValue = string | number | boolean | object;

/** Text that stands for no value, whatever the column. */
const missing = /^(?:|na|n\/a|nan|nat|null|none|\\n)$/i;
const numberText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const dateText = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)? ?(?:Z|UTC|([+-])(\d{2}):?(\d{2}))?$/i;
/** Seconds or milliseconds since 1970, from 2001 to 2286: no other date has as many digits. */
const epochText = /^(\d{10}|\d{13})$/;
const booleans: Readonly<Record<string, boolean>> = { true: true, t: true, yes: true, y: true, "1": true, false: false, f: false, no: false, n: false, "0": false };

const allowed: Readonly<Record<CellKind, string>> = {
  text: "a text",
  id: "an id",
  label: "a label",
  name: "a name",
  number: "a number such as 1234.5, with a point and no separators of thousands",
  boolean: "true or false, yes or no, 1 or 0",
  time: "a time such as 2026-01-31T12:00:00Z, 2026-01-31 12:00:00, 2026-01-31, or seconds or milliseconds since 1970; UTC unless it has an offset",
  json: "JSON",
};

export function isMissing(text: string): boolean {
  return missing.test(text);
}

/** Milliseconds since the epoch; NaN when it is no time. Without an offset it is UTC. */
export function readTime(text: string): number {
  if (epochText.test(text)) return text.length === 10 ? Number(text) * 1_000 : Number(text);
  const parts = dateText.exec(text);
  if (parts === null) return Number.NaN;
  const [, date, minute = "00:00", second = "00", fraction = "0", sign, hours = "0", minutes = "0"] = parts;
  const offset_ms = (Number(hours) * 60 + Number(minutes)) * 60_000;
  if (Number(hours) > 14 || Number(minutes) > 59) return Number.NaN;
  return parseTime(`${date}T${minute}:${second}.${fraction}Z`) + (sign === "+" ? -offset_ms : sign === "-" ? offset_ms : 0);
}

function readJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function valueOf(kind: CellKind, text: string): CellValue | undefined {
  switch (kind) {
    case "text":
    case "id":
      return text;
    case "label":
      return text.toLowerCase();
    case "name":
      // Of "Data Science" and the like: what stands in a subject has no blanks.
      return text.replaceAll(/[^A-Za-z0-9_-]+/g, "-").replaceAll(/^-+|-+$/g, "");
    case "number": {
      const value = numberText.test(text) ? Number(text) : Number.NaN;
      return Number.isFinite(value) ? value : undefined;
    }
    case "boolean":
      return booleans[text.toLowerCase()];
    case "time": {
      const time_ms = readTime(text);
      return Number.isNaN(time_ms) ? undefined : time_ms;
    }
    case "json":
      return readJson(text);
  }
}

/** The value of a cell that is not missing, or what it should have been. */
export function readCell(kind: CellKind, text: string): { readonly value: CellValue } | { readonly problem: string } {
  const value = valueOf(kind, text);
  return value === undefined ? { problem: `is not ${allowed[kind]}` } : { value };
}
