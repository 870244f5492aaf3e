import type { Context } from "hono";
import { raw } from "hono/html";
import type { Clock } from "../../lib/clock.ts";
import { contentHash, isKnown } from "../etag.ts";
import type { FeatureSource } from "../feature-source.ts";
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
/** What the first paint waits for figures that are still being worked out: those that are kept are there at once, the others come with the first update. */
const FIRST_WAIT_MS = 25;
const UPDATE_WAIT_MS = 1_000;
/** A request with this header is an open page's, for what stands in its place alone. */
export const UPDATE_HEADER = "x-tidemark-update";
/** Some 100 KB each. */
const KEPT_MAX = 64;

const commonHeaders = Object.freeze({
  "content-type": "text/html; charset=utf-8",
  "cache-control": "private, no-cache",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin",
  vary: `cookie, authorization, ${UPDATE_HEADER}`,
});

const policyWith = (style_source: string): string =>
  `default-src 'none'; script-src 'self'; style-src ${style_source}; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;

export interface PagesDeps {
  readonly pages: readonly Page[];
  readonly assets: Assets;
  readonly access: Access;
  readonly fetch: Fetch;
  readonly features: FeatureSource;
  readonly clock: Clock;
  /** Changes with everything that somebody decides: who has decided something sees it at once. */
  readonly revision: () => number;
}

/** A document, or what stands in its place for an open page. */
interface Made {
  readonly html: string;
  readonly tag: string;
  readonly status: number;
}

interface Kept {
  readonly until_ms: number;
  readonly made: Promise<Made>;
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
  readonly #headers: Readonly<Record<string, string>>;
  readonly #kept = new Map<string, Kept>();
  readonly #vouched = new WeakMap<Request, Viewer>();

  constructor(deps: PagesDeps) {
    this.#deps = deps;
    this.#headers = Object.freeze({ ...commonHeaders, "content-security-policy": policyWith(deps.assets.style_source) });
    this.pages = deps.pages;
  }

  /** Changes when a page should be made anew at once: with everything that somebody decides, and with the record that the page is about. Cheap: it is asked for often. */
  markOf({ record }: Page, pathname: string): string {
    const { revision, features } = this.#deps;
    return `${revision()}.${record === undefined ? "" : (features.current?.store.sequence(record, pathname.slice(pathname.lastIndexOf("/") + 1)) ?? "")}`;
  }

  /** A request from within, for a viewer whose key was looked at elsewhere. */
  vouch(request: Request, viewer: Viewer): void {
    this.#vouched.set(request, viewer);
  }

  /** Answers one page; problems become pages that say what to do, with their own status. */
  async answer(page: Page, context: Context): Promise<Response> {
    const viewer = this.#vouched.get(context.req.raw) ?? viewerOf(this.#deps.access, context);
    // An update has no frame, and so no theme.
    const theme = context.req.header(UPDATE_HEADER) === undefined ? themeOf(context) : undefined;
    const headers = this.#headers;
    const { pathname, search } = new URL(context.req.url);
    if (!viewer.known && !maySee(viewer, page.subject(context))) {
      return new Response(null, { status: 303, headers: { ...headers, location: `/login?next=${encodeURIComponent(pathname)}` } });
    }
    // Before the page is made: what happens meanwhile is news to it.
    const mark = this.markOf(page, pathname);
    const key = `${pathname}${search}|${theme ?? "update"}|${JSON.stringify(viewer)}|${mark}`;
    const now_ms = this.#deps.clock.now_ms();
    const kept = this.#kept.get(key);
    const fresh = kept !== undefined && now_ms < kept.until_ms ? kept : { until_ms: now_ms + KEPT_MS, made: this.#make(page, context, viewer, theme, mark) };
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

  async #make(page: Page, context: Context, viewer: Viewer, theme: Theme | undefined, mark: string): Promise<Made> {
    const { fetch, clock } = this.#deps;
    let status = 200;
    let content: PageContent;
    try {
      mustSee(viewer, page.subject(context));
      content = await page.content({ context, ask: new Ask(fetch, context), now_ms: clock.now_ms(), wait_ms: theme === undefined ? UPDATE_WAIT_MS : FIRST_WAIT_MS });
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      ({ status } = error);
      content = { title: "Not available", body: <ErrorPage problem={error} /> };
    }
    const rendered = <>{content.body}</>;
    const body = (await rendered).toString();
    const tag = contentHash(body);
    if (theme === undefined) return { html: body, tag, status };
    const { script, style } = this.#deps.assets;
    // A page that could not be made may come back by itself; one that does not exist does not.
    const live_s = status === 200 || status === 503 ? page.live_s : undefined;
    const document = (
      <Document title={content.title} place={page.place} theme={theme} navigation={navigationFor(viewer)} keyed={viewer.keyed} script={script} style={style} live_s={live_s} tag={tag} mark={mark}>
        {raw(body)}
      </Document>
    );
    const html = `<!doctype html>${(await document).toString()}`;
    return { html, tag: contentHash(html), status };
  }
}
