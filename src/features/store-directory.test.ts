import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLmdbStore } from "./lmdb-store.ts";
import { resolvedPath, StoreDirectory } from "./store-directory.ts";

let root: string;
let stores: StoreDirectory;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "tidemark-stores-")));
  stores = new StoreDirectory(join(root, "features"));
});
afterEach(() => rmSync(root, { recursive: true }));

async function fill(path: string, layout: string): Promise<void> {
  const store = openLmdbStore(path, { readonly: false });
  store.commit((batch) => {
    batch.putLayout(layout);
    batch.put("course", layout, Uint8Array.of(1, 2, 0));
  });
  await store.close();
}

async function read(): Promise<string[]> {
  const store = openLmdbStore(resolvedPath(stores.current), { readonly: true });
  const ids = [...store.ids("course")];
  await store.close();
  return ids;
}

test("the first store is the current one at once", async () => {
  expect(stores.prepare("a")).toEqual({ path: join(root, "features", "a"), current: true });
  await fill(stores.of("a"), "a");
  expect(await read()).toEqual(["a"]);
  expect(stores.prepare("a").current).toBe(true);
});

test("another layout is folded beside it, however often it is begun, until it is promoted", async () => {
  await fill(stores.prepare("a").path, "a");
  for (let start = 0; start < 3; start++) expect(stores.prepare("b")).toEqual({ path: stores.of("b"), current: false });
  await fill(stores.of("b"), "b");
  expect(await read()).toEqual(["a"]);
  const reader = openLmdbStore(resolvedPath(stores.current), { readonly: true });
  stores.promote("b");
  expect(await read()).toEqual(["b"]);
  // Promoted, and then killed: the next start clears away.
  expect(stores.prepare("b").current).toBe(true);
  stores.sweep();
  expect(readdirSync(stores.path).sort()).toEqual(["b", "current"]);
  expect([...reader.ids("course")]).toEqual(["a"]);
  await reader.close();
});

test("a promotion that was cut off half way is made again", async () => {
  await fill(stores.prepare("a").path, "a");
  stores.prepare("b");
  stores.promote("a");
  stores.promote("b");
  stores.promote("b");
  expect(resolvedPath(stores.current)).toBe(stores.of("b"));
});

test("a store that lies in the directory itself is taken over when it has the layout, and else stays until it is replaced", async () => {
  await fill(stores.path, "a");
  expect(stores.prepare("b").current).toBe(false);
  expect(existsSync(join(stores.path, "data.mdb"))).toBe(true);
  expect(stores.prepare("a")).toEqual({ path: stores.of("a"), current: true });
  expect(await read()).toEqual(["a"]);
  stores.sweep();
  expect(readdirSync(stores.path).sort()).toEqual(["a", "current"]);
});
