import { TidemarkError } from "../../lib/errors.ts";
import { type ImportColumn, type ImportTableName, importTables } from "./import-tables.ts";

/** What somebody said of a table's columns: `headers` by column, and `values` for what is missing. */
export interface ColumnChoices {
  readonly headers: ReadonlyMap<string, string>;
  readonly values: ReadonlyMap<string, string>;
}

export const noChoices: ColumnChoices = { headers: new Map(), values: new Map() };

export interface MappedColumn {
  readonly column: ImportColumn;
  /** Place in the file; undefined: not there, and `fallback` holds for every row. */
  readonly index: number | undefined;
  readonly header: string | undefined;
  readonly fallback: string | undefined;
}

export interface ColumnMap {
  /** Those that have a place or a fallback. */
  readonly columns: readonly MappedColumn[];
  readonly width: number;
  /** Of the file, and used for nothing. */
  readonly unused: readonly string[];
}

/** "Signup Date", "signupDate" and "signup_date" are one name. */
function normal(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^_+|_+$/g, "");
}

function findHeader(table: string, path: string, column: ImportColumn, headers: readonly string[], choices: ColumnChoices, free: ReadonlySet<number>): number | undefined {
  const chosen = choices.headers.get(column.name);
  if (chosen !== undefined) {
    const at = headers.indexOf(chosen);
    if (at >= 0) return at;
    throw new TidemarkError("unknown_column", `--map ${table}.${column.name}=${chosen}: ${path} has no column ${JSON.stringify(chosen)}\n  there are: ${headers.join(", ")}`);
  }
  for (const name of [column.name, ...column.aliases]) {
    const at = headers.findIndex((header, i) => free.has(i) && normal(header) === name);
    if (at >= 0) return at;
  }
  return undefined;
}

/** Which column of the file is which of the table: what was chosen, else by its own name, else by a name that other platforms use. */
export function mapColumns(table: ImportTableName, path: string, headers: readonly string[], choices: ColumnChoices): ColumnMap {
  const { columns } = importTables[table] as { readonly columns: readonly ImportColumn[] };
  const twice = headers.find((name, i) => headers.indexOf(name) < i);
  if (twice !== undefined) throw new TidemarkError("bad_file", `${path} has two columns named ${JSON.stringify(twice)}: rename one`);
  const free = new Set(headers.keys());
  const places = new Map<ImportColumn, number>();
  const place = (wanted: readonly ImportColumn[], from: (column: ImportColumn) => ImportColumn): void => {
    for (const column of wanted) {
      const elsewhere = column.within !== undefined && !choices.headers.has(column.name) && [...places.keys()].some(({ name }) => name === column.within);
      const at = places.has(column) || elsewhere ? undefined : findHeader(table, path, from(column), headers, choices, free);
      if (at === undefined) continue;
      places.set(column, at);
      free.delete(at);
    }
  };
  // What was chosen or goes by its own name first, so that no alias takes it away.
  place(columns, (column) => ({ ...column, aliases: [] }));
  place(columns, (column) => column);
  const missing = columns.filter((column) => column.required === true && !places.has(column) && !choices.values.has(column.name));
  if (missing.length > 0) {
    const one = missing[0]!;
    const others = missing.length > 1 ? ` (and ${missing.slice(1).map(({ name }) => name).join(", ")})` : "";
    throw new TidemarkError(
      "missing_column",
      `${path}: none of its columns looks like ${table}.${one.name}${others}\n  there are: ${headers.join(", ")}\n  say which with --map ${table}.${one.name}=COLUMN, or give all rows one value with --set ${table}.${one.name}=VALUE`,
    );
  }
  const mapped = columns.flatMap((column): MappedColumn[] => {
    const index = places.get(column);
    const fallback = choices.values.get(column.name);
    return index === undefined && fallback === undefined ? [] : [{ column, index, header: index === undefined ? undefined : headers[index], fallback }];
  });
  return { columns: mapped, width: headers.length, unused: [...free].map((i) => headers[i]!) };
}
