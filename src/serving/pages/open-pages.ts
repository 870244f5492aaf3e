import type { Context } from "hono";
import { z } from "zod";
import { SAFE_HEADERS } from "../headers.ts";
import { presentedKey } from "../keys/presented-key.ts";
import { ProblemError } from "../problem.ts";
import { readQuery } from "../body.ts";
import type { Access } from "../route-table.ts";
import { viewerOfKey } from "./access.ts";
import type { Fetch } from "./ask.ts";
import type { Page } from "./page.ts";
import type { PageWatch } from "./page-watch.ts";
import { type Pages, UPDATE_HEADER } from "./pages.tsx";

const headers = { ...SAFE_HEADERS, "content-type": "text/event-stream", "x-accel-buffering": "no" };

export const openPageQuerySchema = z.object({
  /** Path and query of the page. */
  page: z.string().max(1_000).regex(/^\/(?![/\\])/),
  /** Of what the browser has in its place. */
  tag: z.string().max(64).default(""),
  /** At which that was made; empty: it is not all there yet. */
  mark: z.string().max(64).default(""),
});

export interface OpenPagesDeps {
  readonly pages: Pages;
  readonly watch: PageWatch;
  readonly access: Access;
  readonly fetch: Fetch;
}

function patternOf({ path }: Page): RegExp {
  return new RegExp(`^${path.replace(/:id/, "[^/]+")}$`);
}

/** GET /live: keeps a page that somebody has open up to date. It leads to pages alone, and each page judges itself who may see it. */
export class OpenPages {
  readonly #deps: OpenPagesDeps;
  readonly #patterns: readonly { readonly page: Page; readonly pattern: RegExp }[];

  constructor(deps: OpenPagesDeps) {
    this.#deps = deps;
    // Where a path is a page by itself and the id of another, it is the former.
    this.#patterns = deps.pages.pages.map((page) => ({ page, pattern: patternOf(page) })).sort((a, b) => Number(a.page.path.includes(":")) - Number(b.page.path.includes(":")));
  }

  /** Throws ProblemError. */
  answer(context: Context): Response {
    const { pages, watch, access, fetch } = this.#deps;
    const query = readQuery(context, openPageQuerySchema);
    // Resolved once, so that what is looked for among the pages is what is asked for.
    const { origin, pathname, search } = new URL(query.page, new URL(context.req.url).origin);
    const page = this.#patterns.find(({ pattern }) => pattern.test(pathname))?.page;
    if (page?.live_s === undefined) throw new ProblemError("not_found", "There is no such page that changes by itself.");
    const key = presentedKey(context);
    const viewer = viewerOfKey(access, key);
    const seen_as = JSON.stringify(viewer);
    const watched = {
      key: `${pathname}${search}|${seen_as}`,
      every_ms: page.live_s * 1_000,
      mark: () => pages.markOf(page, pathname),
      make: async () => {
        const request = new Request(`${origin}${pathname}${search}`, { headers: { [UPDATE_HEADER]: "1" } });
        pages.vouch(request, viewer);
        const response = await fetch(request);
        return { status: response.status, tag: /"(\w+)"/.exec(response.headers.get("etag") ?? "")?.[1] ?? "", html: await response.text() };
      },
    };
    // HEAD is answered by the same handler, and nobody would read the body.
    const body = context.req.method === "HEAD" ? null : watch.open(watched, { tag: context.req.header("last-event-id") ?? query.tag, mark: query.mark }, () => JSON.stringify(viewerOfKey(access, key)) === seen_as);
    return new Response(body, { headers });
  }
}
