import { morph, remember } from "./morph.ts";

const PENDING_MS = 800;
/** Longer than the server keeps a page. */
const KEPT_MS = 1_300;
/** After failures the next look comes later, up to so much later. */
const BACK_OFF_MAX = 8;

interface Update {
  readonly tag: string;
  readonly html: string;
}

/** What is under way between this page and the engine. */
class Live {
  readonly #main: HTMLElement;
  readonly #every_ms: number;
  #tag: string;
  /** Updates that were put into place: one that was asked for before another came is old. */
  #updates = 0;
  #source: EventSource | undefined;
  #failures = 0;
  #looking = false;

  constructor(main: HTMLElement) {
    this.#main = main;
    this.#every_ms = Number(main.dataset["liveSeconds"]) * 1_000;
    this.#tag = main.dataset["liveTag"] ?? "";
    remember(main);
  }

  start(): void {
    // A page that nobody looks at holds no connection: browsers have six for a host over HTTP/1.1.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#stop() : this.#listen()));
    addEventListener("tidemark-changed", () => {
      void this.#look();
      // The server may have answered with the page that it had just made for somebody else.
      setTimeout(() => void this.#look(), KEPT_MS);
    });
    this.#listen();
    this.#schedule();
  }

  #listen(): void {
    if (document.hidden || this.#source !== undefined) return;
    // What is not all there yet is wanted at once, whatever has happened.
    const mark = this.#main.querySelector(".pending") === null ? (this.#main.dataset["liveMark"] ?? "") : "";
    const source = new EventSource(`/live?page=${encodeURIComponent(location.pathname + location.search)}&tag=${this.#tag}&mark=${mark}`);
    this.#source = source;
    source.addEventListener("open", () => tell(true));
    source.addEventListener("page", (event: MessageEvent<string>) => {
      this.#put(JSON.parse(event.data) as Update);
      tell(true);
    });
    source.addEventListener("trouble", () => tell(false));
    // The session is over, or the page is not there any more: what the engine says instead is a page of its own.
    source.addEventListener("ended", () => location.reload());
    source.addEventListener("error", () => {
      tell(false);
      // Refused: this page asks by itself, and tries again then.
      if (source.readyState === EventSource.CLOSED) this.#source = undefined;
    });
  }

  #stop(): void {
    this.#source?.close();
    this.#source = undefined;
  }

  #put({ tag, html }: Update): void {
    if (tag === this.#tag) return;
    this.#tag = tag;
    this.#updates++;
    morph(this.#main, html);
  }

  /** Asks for what stands in the page's place now; 304 where it is the same. */
  async #look(): Promise<void> {
    if (this.#looking || document.hidden) return;
    this.#looking = true;
    const updates = this.#updates;
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html", "x-tidemark-update": "1", "if-none-match": `W/"${this.#tag}"` }, cache: "no-store" });
      if (response.redirected) location.reload();
      else if (response.ok) {
        const html = await response.text();
        if (updates === this.#updates) this.#put({ tag: /"(\w+)"/.exec(response.headers.get("etag") ?? "")?.[1] ?? "", html });
      }
      const fine = response.ok || response.status === 304;
      this.#failures = fine ? 0 : this.#failures + 1;
      tell(fine);
    } catch {
      this.#failures++;
      tell(false);
    } finally {
      this.#looking = false;
    }
  }

  /** Looks by itself where nothing is sent, and for what the server was still working out. */
  #schedule(): void {
    const pending = (): boolean => this.#main.querySelector(".pending") !== null;
    const wait_ms = this.#failures === 0 && pending() ? Math.min(PENDING_MS, this.#every_ms) : this.#every_ms * Math.min(BACK_OFF_MAX, 2 ** this.#failures);
    setTimeout(() => {
      if (this.#source === undefined) this.#listen();
      const sent = this.#source?.readyState === EventSource.OPEN;
      void (sent && !pending() ? Promise.resolve() : this.#look()).finally(() => this.#schedule());
    }, wait_ms);
  }
}

function tell(online: boolean): void {
  const state = document.querySelector<HTMLElement>("[data-live-state]");
  const text = document.querySelector<HTMLElement>("[data-live-text]");
  if (state === null || text === null) return;
  state.dataset["state"] = online ? "on" : "off";
  const word = online ? "Live" : "Offline";
  if (text.textContent !== word) text.textContent = word;
}

/**
 * Keeps the page's values those of now. The server sends what stands in the page's place whenever that changes (GET /live); where it cannot, the page asks by itself
 * every few seconds.
 */
export function startLive(): void {
  const main = document.querySelector<HTMLElement>("main[data-live-seconds]");
  if (main !== null) new Live(main).start();
}
