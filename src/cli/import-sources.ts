import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ColumnChoices } from "../ingest/import/column-map.ts";
import { type ImportColumn, type ImportTableName, importTableNames, importTables } from "../ingest/import/import-tables.ts";
import type { TableSource } from "../ingest/import/read-table.ts";
import { TidemarkError } from "../lib/errors.ts";

/** `--map learners.registered_at=signup_date` and `--set courses.quality_tier=standard`: column to what stands after the sign. */
function pairs(flag: string, given: unknown, right: string): Map<ImportTableName, Map<string, string>> {
  const found = new Map<ImportTableName, Map<string, string>>(importTableNames.map((table) => [table, new Map()]));
  for (const text of Array.isArray(given) ? (given as string[]) : []) {
    const [, table = "", column = "", value = ""] = /^([a-z_]+)\.([a-z_]+)=(.+)$/s.exec(text) ?? [];
    const known = importTableNames.find((name) => name === table);
    if (known === undefined) throw new TidemarkError("bad_usage", `${flag} is ${JSON.stringify(text)}\n  allowed: TABLE.COLUMN=${right}, of the tables ${importTableNames.join(", ")}`);
    const { columns } = importTables[known] as { readonly columns: readonly ImportColumn[] };
    if (!columns.some(({ name }) => name === column)) throw new TidemarkError("bad_usage", `${flag} ${text}: ${table} has no column ${column}\n  there are: ${columns.map(({ name }) => name).join(", ")}`);
    found.get(known)!.set(column, value);
  }
  return found;
}

const optionOf = (table: string): string => table.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
export const flagOf = (table: ImportTableName): string => `--${table.replaceAll("_", "-")}`;

function fileOf(table: ImportTableName, directory: string | undefined, given: unknown): string | undefined {
  if (typeof given === "string") return given;
  const path = directory === undefined ? undefined : join(directory, `${table}.csv`);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** The files that the command line names: each by its flag, or all those of a directory that are called like a table. */
export function importSources(directory: string | undefined, options: Readonly<Record<string, unknown>>): TableSource[] {
  if (directory !== undefined && !(existsSync(directory) && statSync(directory).isDirectory())) {
    throw new TidemarkError("bad_usage", `${directory} is not a directory: name one with ${importTableNames.map((table) => `${table}.csv`).join(", ")}, or the files with ${flagOf("enrollments")} and so on`);
  }
  const headers = pairs("--map", options["map"], "HEADER");
  const values = pairs("--set", options["set"], "VALUE");
  const sources = importTableNames.flatMap((table): TableSource[] => {
    const path = fileOf(table, directory, options[optionOf(table)]);
    const choices: ColumnChoices = { headers: headers.get(table)!, values: values.get(table)! };
    if (path !== undefined) return [{ table, path, choices }];
    if (choices.headers.size + choices.values.size === 0) return [];
    throw new TidemarkError("bad_usage", `--map and --set speak of ${table}, but no file of it is given: name it with ${flagOf(table)}`);
  });
  if (sources.length > 0) return sources;
  const where = directory === undefined ? "give a directory of tables, or" : `${directory} has none of ${importTableNames.map((table) => `${table}.csv`).join(", ")}: rename them, or`;
  throw new TidemarkError("bad_usage", `${where} name files with ${importTableNames.map(flagOf).join(", ")}`);
}
