import type { Context } from "hono";
import type { Child } from "hono/jsx";
import type { Subject } from "./access.ts";
import type { Ask } from "./ask.ts";
import type { Place } from "./layout.tsx";

/** What a page is made for. */
export interface PageRequest {
  readonly context: Context;
  readonly ask: Ask;
  readonly now_ms: number;
  /** How long the page may wait for what takes a while: hardly at all when somebody waits for the first paint, longer when an open page is brought up to date. */
  readonly wait_ms: number;
}

export interface PageContent {
  readonly title: string;
  readonly body: Child;
}

/** One page: where it is, whose figures it shows, how it comes about. */
export interface Page {
  readonly path: string;
  readonly place: Place;
  /** What it shows, in half a sentence. */
  readonly summary: string;
  readonly subject: (context: Context) => Subject;
  /** Open pages are brought up to date after so many seconds at most; absent where nothing changes. */
  readonly live_s?: number;
  /** The entity whose record the page is about, by the path's `id`: a change of it brings open pages up to date at once. */
  readonly record?: "course" | "teacher" | "learner";
  content(request: PageRequest): Promise<PageContent> | PageContent;
}

export const platformSubject = (): Subject => ({ kind: "platform" });

/** A result that is there within so many milliseconds; undefined: the page goes out without it, and its next update has it. */
export async function within<T>(promise: Promise<T>, wait_ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await Promise.race([promise, new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), wait_ms)))]);
  } finally {
    clearTimeout(timer);
    // What fails later fails for whoever asks again.
    promise.catch(() => undefined);
  }
}
