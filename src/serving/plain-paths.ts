import type { Result, Router } from "hono/router";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { SmartRouter } from "hono/router/smart-router";
import { TrieRouter } from "hono/router/trie-router";

/**
 * The framework's usual router, and in front of it a table of the paths without parameters: once a path has patterns beside it that overlap, the usual
 * router walks a tree for every request, which a price call feels.
 */
export class PlainPathsFirst<T> implements Router<T> {
  readonly name = "PlainPathsFirst";
  readonly #usual: Router<T> = new SmartRouter<T>({ routers: [new RegExpRouter<T>(), new TrieRouter<T>()] });
  readonly #plain = new Map<string, Result<T> | undefined>();

  add(method: string, path: string, handler: T): void {
    this.#usual.add(method, path, handler);
    if (!/[:*?{]/.test(path)) this.#plain.set(`${method} ${path}`, undefined);
    // Whatever else matches may match a plain path, too.
    else for (const known of this.#plain.keys()) this.#plain.set(known, undefined);
  }

  /** The same as the usual router's, which is asked once for a plain path. */
  match(method: string, path: string): Result<T> {
    const key = `${method} ${path}`;
    const known = this.#plain.get(key);
    if (known !== undefined) return known;
    const found = this.#usual.match(method, path);
    if (this.#plain.has(key)) this.#plain.set(key, found);
    return found;
  }
}
