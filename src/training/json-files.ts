import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Doubles and texts come back as they were; typed arrays and maps would not. */
export function writeJson(directory: string, name: string, value: unknown): void {
  writeFileSync(join(directory, name), JSON.stringify(value));
}

/** Trusted: what a stage of this version wrote whole, and what is damaged is no JSON or fails where it is used. */
export function readJson<Value>(directory: string, name: string): Value {
  return JSON.parse(readFileSync(join(directory, name), "utf8")) as Value;
}
