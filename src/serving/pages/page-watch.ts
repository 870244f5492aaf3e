import type { Clock } from "../../lib/clock.ts";
import { errorMessage } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { ProblemError } from "../problem.ts";

/** Browsers that have a page open, and pages that differ. Beyond either a browser asks by itself every few seconds. */
export const WATCHERS_MAX = 512;
export const WATCHED_MAX = 128;
/** A page whose record changes all the time is made anew once in so long. */
const SOONEST_MS = 1_000;
/** Whatever stands between closes a connection on which nothing moves; who has read nothing for the second while is let go. */
const BEAT_MS = 5_000;
const STALLED_MS = 30_000;

/** What stands in a page's place now. */
export interface PageUpdate {
  readonly status: number;
  readonly tag: string;
  readonly html: string;
}

/** A page as somebody sees it. */
export interface WatchedPage {
  /** The same for all who see the same. */
  readonly key: string;
  readonly every_ms: number;
  /** Changes when the page should be made anew before its time: cheap, since it is asked for several times a second. */
  readonly mark: () => string;
  readonly make: () => Promise<PageUpdate>;
}

/** Encoded once for all. */
interface Sent {
  readonly tag: string;
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();
const BEAT = encoder.encode(": \n\n");
/** Sent in a page's place: who was told so is told the page again once it is there. */
const trouble: Sent = { tag: "trouble", bytes: encoder.encode("event: trouble\ndata: {}\n\n") };
const ENDED = encoder.encode("event: ended\ndata: {}\n\n");

/** One browser's open page. At most one update waits for it: of two that it was too slow for, it needs the later one alone. */
class Watcher {
  readonly body: ReadableStream<Uint8Array>;
  /** Of what the browser has. */
  tag: string;
  readonly #mayStill: () => boolean;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #read_ms = 0;

  constructor(tag: string, mayStill: () => boolean, onRead: () => void, onEnd: () => void) {
    this.tag = tag;
    this.#mayStill = mayStill;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: onRead,
        cancel: () => {
          this.#controller = undefined;
          onEnd();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 1 }),
    );
  }

  /** Whether its key is still good for the page. */
  get allowed(): boolean {
    return this.#mayStill();
  }

  /** Whether it has read all that it was sent. */
  get ready(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  send(bytes: Uint8Array): void {
    this.#controller?.enqueue(bytes);
  }

  /** Whether it reads at all. */
  beat(now_ms: number): boolean {
    if (this.ready) {
      this.#read_ms = now_ms;
      this.send(BEAT);
    }
    return now_ms - this.#read_ms <= STALLED_MS;
  }

  end(): void {
    this.send(ENDED);
    this.#controller?.close();
    this.#controller = undefined;
  }
}

/** A page that somebody has open, made once for all of them. */
class Watched {
  readonly page: WatchedPage;
  readonly watchers = new Set<Watcher>();
  #mark = "";
  #made_ms = Number.NEGATIVE_INFINITY;
  #making = false;
  #last: Sent | undefined;

  constructor(page: WatchedPage) {
    this.page = page;
  }

  /** A browser has the page as it was made at this mark, a moment ago: unless something has happened since, it need not be made once more for it. */
  has(mark: string, now_ms: number): void {
    if (this.#made_ms !== Number.NEGATIVE_INFINITY || mark !== this.page.mark()) return;
    this.#made_ms = now_ms;
    this.#mark = mark;
  }

  isDue(now_ms: number): boolean {
    const age_ms = now_ms - this.#made_ms;
    return !this.#making && (age_ms >= this.page.every_ms || (age_ms >= SOONEST_MS && this.page.mark() !== this.#mark));
  }

  /** Makes the page and tells whoever has another one. Throws what making it throws, after telling that there is trouble. */
  async look(now_ms: number): Promise<void> {
    this.#making = true;
    this.#made_ms = now_ms;
    // Before the page is made: what happens meanwhile asks for another look.
    this.#mark = this.page.mark();
    try {
      const { status, tag, html } = await this.page.make();
      if (status === 200) this.#tellAll(this.#last?.tag === tag ? this.#last : { tag, bytes: encoder.encode(`event: page\nid: ${tag}\ndata: ${JSON.stringify({ tag, html })}\n\n`) });
      else if (status === 503) this.#tellAll(trouble);
      else for (const watcher of this.watchers) this.end(watcher);
    } catch (error) {
      this.#tellAll(trouble);
      throw error;
    } finally {
      this.#making = false;
    }
  }

  tell(watcher: Watcher): void {
    if (this.#last === undefined || watcher.tag === this.#last.tag || !watcher.ready) return;
    if (!watcher.allowed) {
      this.end(watcher);
      return;
    }
    watcher.tag = this.#last.tag;
    watcher.send(this.#last.bytes);
  }

  beat(now_ms: number): void {
    for (const watcher of this.watchers) if (!watcher.allowed || !watcher.beat(now_ms)) this.end(watcher);
  }

  end(watcher: Watcher): void {
    this.watchers.delete(watcher);
    watcher.end();
  }

  #tellAll(last: Sent): void {
    this.#last = last;
    for (const watcher of this.watchers) this.tell(watcher);
  }
}

/**
 * Brings open pages up to date by server-sent events: each page is made once for all who have it open, when its record changes or its time has come, encoded once,
 * and sent where it differs from what is there. `check` drives it, several times a second.
 */
export class PageWatch {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pages = new Map<string, Watched>();
  #beat_ms = 0;
  #closed = false;
  refused = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  get watchers(): number {
    let count = 0;
    for (const { watchers } of this.#pages.values()) count += watchers.size;
    return count;
  }

  /** Updates for a browser that has the page with this tag, made at this mark, as long as it may see it. Throws ProblemError. */
  open(page: WatchedPage, { tag, mark }: { readonly tag: string; readonly mark: string }, mayStill: () => boolean): ReadableStream<Uint8Array> {
    if (this.#closed) throw new ProblemError("draining", "This process is stopping: listen elsewhere.");
    if (this.watchers >= WATCHERS_MAX || (!this.#pages.has(page.key) && this.#pages.size >= WATCHED_MAX)) {
      this.refused++;
      throw new ProblemError("overloaded", "Too many pages are open already: ask for the page itself.", { headers: { "retry-after": "5" } });
    }
    const watched = this.#pages.get(page.key) ?? new Watched(page);
    this.#pages.set(page.key, watched);
    watched.has(mark, this.#clock.now_ms());
    const watcher: Watcher = new Watcher(tag, mayStill, () => watched.tell(watcher), () => watched.watchers.delete(watcher));
    watched.watchers.add(watcher);
    watcher.beat(this.#clock.now_ms());
    this.#look(watched);
    return watcher.body;
  }

  check(): void {
    const now_ms = this.#clock.now_ms();
    const beats = now_ms - this.#beat_ms >= BEAT_MS;
    if (beats) this.#beat_ms = now_ms;
    for (const [key, watched] of this.#pages) {
      if (beats) watched.beat(now_ms);
      if (watched.watchers.size === 0) this.#pages.delete(key);
      else this.#look(watched);
    }
  }

  /** Ends every connection, so that a stopping server waits for none. */
  close(): void {
    this.#closed = true;
    for (const watched of this.#pages.values()) for (const watcher of watched.watchers) watched.end(watcher);
  }

  #look(watched: Watched): void {
    const now_ms = this.#clock.now_ms();
    if (!watched.isDue(now_ms)) return;
    watched.look(now_ms).catch((error: unknown) => this.#logger.warn({ error: errorMessage(error) }, "an open page could not be brought up to date"));
  }
}
