import { resolve } from "node:path";
import { TidemarkError } from "../lib/errors.ts";
import { settingNames, settings, type Config, type SettingName } from "./settings.ts";

export type Source = "default" | "environment" | "flag";

export interface ReadConfig {
  readonly config: Config;
  readonly sources: Readonly<Record<SettingName, Source>>;
}

const PREFIX = "TIDEMARK_";

/** Letters to insert, delete or replace to get from one name to the other (Levenshtein 1966). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}

function unknownVariable(name: string): string {
  const known = settingNames.map((setting) => settings[setting].variable);
  const nearest = known.map((candidate) => ({ candidate, distance: editDistance(name, candidate) })).sort((a, b) => a.distance - b.distance)[0];
  const hint = nearest !== undefined && nearest.distance <= 4 ? `; did you mean ${nearest.candidate}?` : "";
  return `${name} is not a setting${hint}\n  known: ${known.join(", ")}`;
}

/**
 * The configuration: flags over variables over defaults. Throws `bad_config` that lists every unknown variable and
 * bad value with what is allowed. An empty variable counts as unset.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>, flags: Readonly<Record<string, unknown>> = {}): ReadConfig {
  const problems: string[] = [];
  const variables = new Set<string>(settingNames.map((name) => settings[name].variable));
  for (const name of Object.keys(environment).sort()) {
    if (name.startsWith(PREFIX) && !variables.has(name)) problems.push(unknownVariable(name));
  }
  const values: Partial<Record<SettingName, unknown>> = {};
  const sources: Partial<Record<SettingName, Source>> = {};
  for (const name of settingNames) {
    const { variable, flag, schema, type, fallback } = settings[name];
    const fromFlag = flags[name];
    const text = typeof fromFlag === "string" ? fromFlag : environment[variable] || undefined;
    sources[name] = typeof fromFlag === "string" ? "flag" : text === undefined ? "default" : "environment";
    if (text === undefined) {
      values[name] = fallback;
      continue;
    }
    const read = schema.safeParse(text);
    if (read.success) values[name] = read.data;
    else problems.push(`${sources[name] === "flag" ? flag : variable} is ${JSON.stringify(masked(name, text))}\n  allowed: ${type}`);
  }
  if (problems.length > 0) throw new TidemarkError("bad_config", problems.join("\n"));
  const config = values as Config;
  return { config: { ...config, data_dir: resolve(config.data_dir) }, sources: sources as Record<SettingName, Source> };
}

/** What was set, as variables for a child process, which has the same defaults. */
export function configEnvironment({ config, sources }: ReadConfig): Record<string, string> {
  const entries: [string, string][] = [];
  for (const name of settingNames) {
    const value = config[name];
    if (sources[name] !== "default" && value !== null) entries.push([settings[name].variable, String(value)]);
  }
  return Object.fromEntries(entries);
}

/** A URL without what identifies its user: whatever stands before the last @, also in text that is no URL. */
export function maskUrl(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/i, "$1***@");
}

/** A value that may be shown. */
function masked(name: SettingName, text: string): string {
  if (name === "nats_url") return maskUrl(text);
  return name === "quote_keys" ? "***" : text;
}

export interface ConfigRow {
  readonly name: string;
  readonly value: string | number | null;
  readonly source: Source;
  readonly description: string;
}

/** What `tidemark config` shows: every setting, its value with secrets masked, and where the value comes from. */
export function describeConfig({ config, sources }: ReadConfig): ConfigRow[] {
  return settingNames.map((name) => {
    const value = config[name];
    return {
      name: settings[name].variable,
      value: typeof value === "string" ? masked(name, value) : value,
      source: sources[name],
      description: settings[name].description,
    };
  });
}
