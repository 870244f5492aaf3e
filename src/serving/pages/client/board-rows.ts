import { type BoardAnswer, type BoardRow, type BoardView, rowsOf, writeView } from "../board-row.ts";

/** The rows of a view, as far as the browser has them. */
export interface BoardRows {
  /** In the view's order. */
  readonly rows: readonly BoardRow[];
  /** Of the whole catalogue; undefined: more than the browser is given at once. */
  readonly courses: number | undefined;
  /** Whether the server has more of the view. */
  readonly more: boolean;
}

async function ask(query: string, tag: string | null): Promise<Response> {
  const response = await fetch(`/admin/prices.json${query}`, { cache: "no-cache", ...(tag === null ? {} : { headers: { "if-none-match": tag } }) });
  if (!response.ok && response.status !== 304) throw new Error(String(response.status));
  return response;
}

/**
 * Where the rows come from. All of a catalogue that is not too large are fetched at once, and found and put in order here; of a larger one the server does that, and
 * gives a page at a time.
 */
export class RowSource {
  #all: readonly BoardRow[] = [];
  #paged = false;
  #next: string | null = null;
  #tag: string | null = null;
  /** Counts views: an answer to an earlier one is of no use. */
  #views = 0;

  /** Whether the server searches and sorts. */
  get paged(): boolean {
    return this.#paged;
  }

  /** Rows at hand, of whatever view. */
  get courses(): number {
    return this.#all.length;
  }

  /** Names that the rows at hand fall into. */
  get categories(): readonly string[] {
    return [...new Set(this.#all.map(({ category }) => category))].filter((category) => category !== "").sort();
  }

  /** Fetches the rows of a view; false: they are what they were, or were asked for anew meanwhile. Throws when the server cannot be asked. */
  async load(view: BoardView): Promise<boolean> {
    const views = ++this.#views;
    const response = await ask(this.#paged ? writeView(view) : "", this.#tag);
    const tag = response.headers.get("etag");
    if (response.status === 304 || (tag !== null && tag === this.#tag)) return false;
    const answer = (await response.json()) as BoardAnswer;
    if (views !== this.#views) return false;
    const first = answer.cut && !this.#paged;
    this.#paged = answer.cut;
    // The first question did not say which view, since the catalogue might have been small.
    if (first && writeView(view) !== "") return this.load(view);
    this.#tag = answer.cut ? null : tag;
    this.#all = answer.rows;
    this.#next = answer.next;
    return true;
  }

  /** What is at hand of a view. */
  of(view: BoardView): BoardRows {
    return this.#paged ? { rows: this.#all, courses: undefined, more: this.#next !== null } : { rows: rowsOf(this.#all, view), courses: this.#all.length, more: false };
  }

  /** Fetches another page of the server's; false when there is none, or the view is another one meanwhile. */
  async more(view: BoardView): Promise<boolean> {
    const [after, views] = [this.#next, this.#views];
    if (after === null) return false;
    // Asked for once.
    this.#next = null;
    try {
      const query = writeView(view);
      const answer = (await (await ask(`${query}${query === "" ? "?" : "&"}after=${encodeURIComponent(after)}`, null)).json()) as BoardAnswer;
      if (views !== this.#views) return false;
      this.#all = [...this.#all, ...answer.rows];
      this.#next = answer.next;
      return true;
    } catch (error) {
      if (views === this.#views) this.#next = after;
      throw error;
    }
  }
}
