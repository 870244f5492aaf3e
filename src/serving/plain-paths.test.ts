import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";
import { expect, test } from "vitest";
import { PlainPathsFirst } from "./plain-paths.ts";

test("every path is matched as by the usual router, whenever and however often it is asked", () => {
  const router = new PlainPathsFirst<string>();
  const usual = new SmartRouter<string>({ routers: [new TrieRouter<string>()] });
  const routes = [
    ["POST", "/price", "price"],
    ["GET", "/price", "read"],
    ["GET", "/courses/:id", "course"],
    ["GET", "/courses/all", "all"],
    ["GET", "/files/:name{.+}", "file"],
    ["ALL", "/any", "any"],
    ["GET", "/", "root"],
  ] as const;
  for (const [method, path, handler] of routes) {
    router.add(method, path, handler);
    usual.add(method, path, handler);
  }
  const handlers = ([found]: ReturnType<typeof router.match>): unknown[] => found.map(([handler]) => handler);
  for (let time = 0; time < 2; time++) {
    for (const method of ["GET", "POST", "PUT", "OPTIONS"]) {
      for (const path of ["/price", "/price/", "/courses/c1", "/courses/all", "/files/a/b", "/any", "/", "/none", "/__proto__", ""]) {
        expect(handlers(router.match(method, path)), `${method} ${path}`).toEqual(handlers(usual.match(method, path)));
      }
    }
  }
});
