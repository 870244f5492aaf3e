import { raw } from "hono/html";
import type { Child } from "hono/jsx";

export type Theme = "auto" | "light" | "dark";

/** Places of the navigation, by the part of the page they mark. */
export type Place = "portfolio" | "prices" | "models" | "experiments" | "policies" | "operations" | "teacher" | "learner" | "none";

export interface NavigationItem {
  readonly place: Place;
  readonly path: string;
  readonly label: string;
}

export interface DocumentProps {
  readonly title: string;
  readonly place: Place;
  readonly theme: Theme;
  readonly navigation: readonly NavigationItem[];
  /** Address of the script. */
  readonly script: string;
  /** The style sheet itself. */
  readonly style: string;
  /** Seconds between two looks at what changed; absent on pages that do not. */
  readonly live_s?: number | undefined;
  /** Of what stands in `main`. */
  readonly tag: string;
  /** At which it was made. */
  readonly mark: string;
  /** Whether there is a session that can be ended. */
  readonly keyed: boolean;
  readonly children?: Child;
}

/** The whole document. Nothing in it is inline but the style sheet, which the Content-Security-Policy knows by its hash: anything else inline is refused. */
export function Document({ title, place, theme, navigation, script, style, live_s, tag, mark, keyed, children }: DocumentProps) {
  return (
    <html lang="en" data-theme={theme}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Tidemark`}</title>
        <link rel="icon" href="/assets/tidemark.svg" type="image/svg+xml" />
        <style>{raw(style)}</style>
        <script type="module" src={script}></script>
      </head>
      <body>
        <a class="skip" href="#main">
          Skip to content
        </a>
        <header class="top">
          <a class="brand" href="/">
            <svg viewBox="0 0 32 32" aria-hidden="true">
              <path d="M2 20c4 0 4-5 9-5s5 5 10 5 5-5 9-5v12H2z" class="sea" />
              <path d="M2 13c4 0 4-5 9-5s5 5 10 5 5-5 9-5" class="crest" />
            </svg>
            Tidemark
          </a>
          <nav aria-label="Pages">
            <ul>
              {navigation.map((item) => (
                <li>
                  <a href={item.path} aria-current={item.place === place ? "page" : undefined}>
                    {item.label}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="tools">
            {live_s !== undefined && (
              <span class="live" role="status" data-live-state>
                <span class="dot" aria-hidden="true"></span>
                <span data-live-text>Live</span>
              </span>
            )}
            {keyed && (
              <form data-form="DELETE" action="/session" data-next="/login">
                <button type="submit" class="button quiet">
                  Log out
                </button>
              </form>
            )}
            <button type="button" class="theme" data-theme-button aria-label="Colours: follow the system">
              <span aria-hidden="true" class="theme-mark"></span>
            </button>
          </div>
        </header>
        <main id="main" tabindex={-1} data-live-seconds={live_s} data-live-tag={live_s === undefined ? undefined : tag} data-live-mark={live_s === undefined ? undefined : mark}>
          {children}
        </main>
      </body>
    </html>
  );
}
