#!/usr/bin/env node
/**
 * What is shipped, under which licence, as the lock file has it.
 *
 *   npm run licences
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const lock = JSON.parse(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "../package-lock.json"), "utf8"));
const rows = Object.entries(lock.packages).flatMap(([path, { version, license, dev }]) =>
  path === "" || dev === true ? [] : [`${license ?? "unknown"}\t${path.slice(path.lastIndexOf("node_modules/") + 13)}@${version}`],
);
for (const row of [...new Set(rows)].sort()) process.stdout.write(`${row}\n`);
