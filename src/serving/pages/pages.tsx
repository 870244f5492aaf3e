import type { Context } from "hono";
import type { Clock } from "../../lib/clock.ts";
import { contentHash, isKnown } from "../etag.ts";
import { ProblemError } from "../problem.ts";
import type { Access } from "../route-table.ts";
import { maySee, mustSee, type Viewer, viewerOf } from "./access.ts";
import { Ask, type Fetch } from "./ask.ts";
import type { Assets } from "./assets.ts";
import { ErrorPage } from "./error-page.tsx";
import { Document, type NavigationItem, type Theme } from "./layout.tsx";
import { platformPages } from "./platform-pages.ts";
import type { Page, PageContent } from "./page.ts";

/** A page that many look at is made once in so long. */
const KEPT_MS = 1_000;
/** Some 100 KB each. */
const KEPT_MAX = 64;

const headers = Object.freeze({
  "content-type": "text/html; charset=utf-8",
  "cache-control": "private, no-cache",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  vary: "cookie, authorization",
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
});

export interface PagesDeps {
  readonly pages: readonly Page[];
  readonly assets: Assets;
  readonly access: Access;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Changes with everything that somebody decides: who has decided something sees it at once. */
  readonly revision: () => number;
}

interface Kept {
  readonly until_ms: number;
  readonly made: Promise<{ readonly html: string; readonly tag: string; readonly status: number }>;
}

function navigationFor({ platform, teacher_id, learner_id }: Viewer): readonly NavigationItem[] {
  if (platform) return platformPages;
  return [
    ...(teacher_id === undefined ? [] : [{ place: "teacher", path: `/teacher/${teacher_id}`, label: "My courses" } as const]),
    ...(learner_id === undefined ? [] : [{ place: "learner", path: `/learner/${learner_id}`, label: "My learning" } as const]),
  ];
}

/** The theme that the viewer chose, from a cookie: so the first paint has it. */
function themeOf(context: Context): Theme {
  const chosen = /(?:^|;\s*)tidemark_theme=(light|dark)(?:;|$)/.exec(context.req.header("cookie") ?? "")?.[1];
  return chosen === "light" || chosen === "dark" ? chosen : "auto";
}

/** Makes pages, and keeps what was just made: fifty open dashboards cost what one does. */
export class Pages {
  readonly pages: readonly Page[];
  readonly #deps: PagesDeps;
  readonly #kept = new Map<string, Kept>();

  constructor(deps: PagesDeps) {
    this.#deps = deps;
    this.pages = deps.pages;
  }

  /** Answers one page; problems become pages that say what to do, with their own status. */
  async answer(page: Page, context: Context): Promise<Response> {
    const viewer = viewerOf(this.#deps.access, context);
    const theme = themeOf(context);
    const { pathname, search } = new URL(context.req.url);
    if (!viewer.known && !maySee(viewer, page.subject(context))) {
      return new Response(null, { status: 303, headers: { ...headers, location: `/login?next=${encodeURIComponent(pathname)}` } });
    }
    const key = `${pathname}${search}|${theme}|${JSON.stringify(viewer)}|${this.#deps.revision()}`;
    const now_ms = this.#deps.clock.now_ms();
    const kept = this.#kept.get(key);
    const fresh = kept !== undefined && now_ms < kept.until_ms ? kept : { until_ms: now_ms + KEPT_MS, made: this.#make(page, context, viewer, theme) };
    if (fresh !== kept) {
      this.#kept.delete(key);
      this.#kept.set(key, fresh);
      if (this.#kept.size > KEPT_MAX) this.#kept.delete(this.#kept.keys().next().value ?? "");
      // What nobody could make is tried again at once by the next.
      fresh.made.catch(() => this.#kept.delete(key));
    }
    const { html, tag, status } = await fresh.made;
    const all = { ...headers, etag: `W/"${tag}"` };
    if (status === 200 && isKnown(context.req.header("if-none-match"), `"${tag}"`)) return new Response(null, { status: 304, headers: all });
    return new Response(html, { status, headers: all });
  }

  async #make(page: Page, context: Context, viewer: Viewer, theme: Theme): Promise<{ html: string; tag: string; status: number }> {
    const { fetch, clock } = this.#deps;
    let status = 200;
    let content: PageContent;
    try {
      mustSee(viewer, page.subject(context));
      content = await page.content({ context, ask: new Ask(fetch, context), now_ms: clock.now_ms() });
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      ({ status } = error);
      content = { title: "Not available", body: <ErrorPage problem={error} /> };
    }
    const { script, style } = this.#deps.assets;
    // A page that could not be made may come back by itself; one that does not exist does not.
    const live_s = status === 200 || status === 503 ? page.live_s : undefined;
    const document = (
      <Document title={content.title} place={page.place} theme={theme} navigation={navigationFor(viewer)} keyed={viewer.keyed} script={script} style={style} live_s={live_s}>
        {content.body}
      </Document>
    );
    const html = `<!doctype html>${(await document).toString()}`;
    return { html, tag: contentHash(html), status };
  }
}
