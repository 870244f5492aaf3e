import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { must } from "../lib/assert.ts";

/** The nearest package.json above this file: beside src/ in a checkout, beside dist/ in an installation. */
export function programVersion(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, "package.json")) && dirname(directory) !== directory) directory = dirname(directory);
  const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as { version?: string };
  return must(version, "package.json has no version");
}
