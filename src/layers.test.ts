import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = import.meta.dirname;

/** Lower layers first: a folder imports only from itself and from folders before it. */
const layers = ["lib", "contracts", "features", "models", "pricing", "ingest", "training", "serving", "simulator", "cli", "main.ts"];

/** Packages that have one home, so that replacing one touches one place. */
const homes: readonly { package: RegExp; home: RegExp }[] = [
  { package: /^nats$/, home: /^ingest\/(nats|broker-users)\.ts$/ },
  { package: /^lmdb$/, home: /^features\/lmdb-[a-z-]+\.ts$/ },
  { package: /^@tensorflow\//, home: /^training\// },
  { package: /^piscina$/, home: /^training\// },
  { package: /^(hono|@hono\/)/, home: /^serving\// },
  { package: /^(apache-arrow|csv-stringify|hyparquet-writer|node-sqlite3-wasm)/, home: /^ingest\/export\// },
  { package: /^papaparse$/, home: /^ingest\/csv-records\.ts$/ },
  { package: /^hyparquet$/, home: /^(training\/table-input|ingest\/export\/testing\/)/ },
  { package: /^(uplot|idiomorph)$/, home: /^serving\/pages\/client\// },
  { package: /^(playwright-core|axe-core)$/, home: /^serving\/pages\/testing\// },
  { package: /^@opentelemetry\//, home: /^serving\/tracing\.ts$/ },
  { package: /^echarts/, home: /^training\/report\/charts\// },
];

interface Import {
  readonly file: string;
  readonly target: string;
}

const importPattern = /(?:^|\n)\s*(?:import|export)\s(?:[^"';]*?\sfrom\s)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(importPattern)].map((match) => ({ file, target: match[1] ?? match[2] ?? "" }));
}

function layerOf(path: string): number {
  return layers.indexOf(path.split("/")[0] ?? "");
}

function violations(imports: readonly Import[]): string[] {
  const found: string[] = [];
  for (const { file, target } of imports) {
    if (!target.startsWith(".")) {
      for (const { package: name, home } of homes) {
        if (name.test(target) && !home.test(file)) found.push(`src/${file} imports ${target}, which belongs to ${home.source}`);
      }
      continue;
    }
    const path = relative(root, resolve(root, dirname(file), target));
    const from = layerOf(file);
    const to = layerOf(path);
    if (from < 0 || to < 0) found.push(`src/${file} imports ${target}: not in a known folder`);
    else if (to > from) found.push(`src/${file} imports ${target}: ${layers[from]} may not know ${layers[to]}`);
    else if (layers[from] === "serving" && layers[to] === "training") found.push(`src/${file} imports ${target}: serving never knows training`);
  }
  return found;
}

function sources(): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".test.ts"));
}

/** Packages that loading a file loads, by itself or by what it imports; what a function imports when it is called counts not. */
function loaded(file: string, seen = new Set<string>(), packages = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return packages;
  seen.add(file);
  const text = readFileSync(join(root, file), "utf8").replaceAll(/(?:^|\n)\s*(?:import|export) type [^;]*;/g, "").replaceAll(/\bimport\([^)]*\)/g, "");
  for (const { target } of importsOf(file, text)) {
    if (target.startsWith(".")) loaded(relative(root, resolve(root, dirname(file), target)), seen, packages);
    else packages.add(target);
  }
  return packages;
}

describe("layers", () => {
  test("imports point only upward, and packages stay in their homes", () => {
    const imports = sources().flatMap((file) => importsOf(file, readFileSync(join(root, file), "utf8")));
    expect(imports.length).toBeGreaterThan(0);
    expect(violations(imports)).toEqual([]);
  });

  test.each(["main.ts", "cli/start.ts", "cli/serve-command.ts", "serving/worker-main.ts", "cli/ingest-command.ts", "cli/pipeline-command.ts"])("%s starts without charts and tensors", (file) => {
    const packages = [...loaded(file)];
    expect(packages.length).toBeGreaterThan(1);
    expect(packages.filter((name) => /^(echarts|@tensorflow\/)/.test(name))).toEqual([]);
  });

  test("a report loads the charts", () => {
    expect([...loaded("training/report/render-report.ts")]).toContain("echarts/dist/echarts.esm.min");
  });

  test("a violation names the file and the import", () => {
    const imports = importsOf(
      "pricing/posterior.ts",
      'import { a } from "../serving/app.ts";\nimport type { B } from "../models/compiled.ts";\nconst tf = await import("@tensorflow/tfjs");\n',
    );
    expect(violations(imports)).toEqual([
      "src/pricing/posterior.ts imports ../serving/app.ts: pricing may not know serving",
      "src/pricing/posterior.ts imports @tensorflow/tfjs, which belongs to ^training\\/",
    ]);
    expect(violations(importsOf("serving/app.ts", 'import { t } from "../training/train.ts";'))).toEqual([
      "src/serving/app.ts imports ../training/train.ts: serving never knows training",
    ]);
  });
});
