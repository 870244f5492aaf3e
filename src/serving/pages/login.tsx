import type { Page } from "./page.ts";

/** A path of this engine's own, to go on to after a log-in. */
export function safeNext(next: string | null): string {
  return next !== null && /^\/(?![/\\])[\w\-./?=&%]*$/.test(next) ? next : "/admin";
}

/** /login: exchanges a key for a session. Sent as JSON, so that no form on another's page can do it. */
export const loginPage: Page = {
  path: "/login",
  place: "none",
  summary: "exchanges a key for a session",
  subject: () => ({ kind: "nobody" }),
  content: ({ context }) => ({
    title: "Log in",
    body: (
      <div class="login card">
        <h1>Log in</h1>
        <p class="muted">With an API key. What it may see and change is what you will see and change; the browser keeps it until it is closed.</p>
        <form data-form="POST" action="/session" data-next={safeNext(new URL(context.req.url).searchParams.get("next"))}>
          <label for="key">Key</label>
          <input type="password" id="key" name="key" autocomplete="current-password" required autofocus />
          <button type="submit" class="button">
            Log in
          </button>
          <p class="told-form" role="status" data-told></p>
        </form>
        <noscript>
          <p class="notice">Logging in needs JavaScript.</p>
        </noscript>
      </div>
    ),
  }),
};
