import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;
const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { readonly packages: Readonly<Record<string, Locked>> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
const nameOf = (path: string): string => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);

/** What may be shipped with a program under Apache-2.0. */
const allowed = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "CC0-1.0", "Unlicense", "BlueOak-1.0.0", "Python-2.0", "MPL-2.0"]);

/** Every part of an expression: stricter than needed where one of several may be chosen. */
const isAllowed = (license: string | undefined): boolean => license !== undefined && license.split(/ AND | OR |[()]/).every((part) => part === "" || allowed.has(part));

test("every package is pinned by version and digest", () => {
  expect(packages.length).toBeGreaterThan(50);
  expect(packages.filter(([, { version, integrity }]) => version === undefined || integrity === undefined).map(([path]) => path)).toEqual([]);
});

test("every package that is shipped has a licence that allows it", () => {
  const shipped = packages.filter(([, { dev }]) => dev !== true);
  expect(shipped.filter(([, { license }]) => !isAllowed(license)).map(([path, { license }]) => `${nameOf(path)}: ${license ?? "none"}`)).toEqual([]);
});

test("only packages on the list run scripts when they are installed", () => {
  const scripted = packages.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => nameOf(path));
  expect(scripted.filter((name) => !Object.hasOwn(manifest.allowScripts, name))).toEqual([]);
});
