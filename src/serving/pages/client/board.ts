import { type BoardColumn, boardColumns, type BoardRow, type BoardView, pagedColumns, readView, usualView, writeView } from "../board-row.ts";
import { formatWhole } from "../format.ts";
import { type BoardRows, RowSource } from "./board-rows.ts";
import { ROW_PX, RowView } from "./board-row-view.ts";

/** Rows beyond either edge, so that a fast wheel finds them there. */
const SPARE = 10;
/** So close to the end of what is at hand the next page is asked for. */
const AHEAD = 100;
const REFRESH_MS = 15_000;
/** After the last scrolling; then rows stand in the page in the order in which they are seen, for those who go by keyboard or listen. */
const SETTLED_MS = 150;

/** The table of all courses: in the page are the rows that can be seen. Scrolling writes those that come into sight, in the place of those that went out of it. */
class Board {
  readonly #box: HTMLElement;
  readonly #form: HTMLFormElement;
  readonly #count: HTMLElement;
  readonly #table: HTMLTableElement;
  readonly #body: HTMLTableSectionElement;
  readonly #source = new RowSource();
  /** The row at a place stands in the view of that number, modulo their count. */
  #views: RowView[] = [];
  #rows: readonly BoardRow[] = [];
  #more = false;
  #view: BoardView = readView(location.search);
  #frame = 0;
  #settling = 0;
  /** Of the box, so that scrolling asks for no layout. */
  #height_px = 0;

  constructor(box: HTMLElement, form: HTMLFormElement, count: HTMLElement, table: HTMLTableElement, body: HTMLTableSectionElement) {
    this.#box = box;
    this.#form = form;
    this.#count = count;
    this.#table = table;
    this.#body = body;
    form.addEventListener("input", () => this.#read());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#read();
    });
    for (const button of this.#buttons()) button.addEventListener("click", () => this.#sortBy(button.dataset["sort"] ?? ""));
    box.addEventListener("scroll", () => this.#soon(), { passive: true });
    box.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(([entry]) => {
      this.#height_px = entry?.contentRect.height ?? 0;
      this.#soon();
    }).observe(box);
  }

  async load(): Promise<void> {
    // The pages that are at hand of a large catalogue stay as they are: asking anew would lead back to the first.
    if (document.hidden || (this.#source.paged && this.#rows.length > 0)) return;
    await this.#fetch((view) => this.#source.load(view));
  }

  /** Shows what was asked for, in the view that there is by then: somebody may have typed meanwhile. */
  async #fetch(ask: (view: BoardView) => Promise<boolean>): Promise<void> {
    const view = this.#view;
    try {
      if (!(await ask(view))) return;
      if (this.#source.paged && view !== this.#view) return await this.#fetch((next) => this.#source.load(next));
      this.#offer();
      this.#arrange(this.#source.of(this.#view));
    } catch {
      if (this.#rows.length === 0) this.#count.textContent = "Prices cannot be had right now; trying again.";
    }
  }

  #buttons(): Iterable<HTMLButtonElement> {
    return this.#table.querySelectorAll<HTMLButtonElement>("[data-sort]");
  }

  /** Categories to choose from, and what cannot be chosen of a large catalogue. */
  #offer(): void {
    const select = this.#form.elements.namedItem("category");
    if (select instanceof HTMLSelectElement) {
      const known = new Set([...select.options].map(({ value }) => value));
      for (const category of this.#source.categories) if (!known.has(category)) select.add(new Option(category, category));
      select.value = this.#view.category;
    }
    const { paged } = this.#source;
    for (const button of this.#buttons()) button.disabled = paged && !pagedColumns.some((column) => column === button.dataset["sort"]);
    for (const name of ["action", "risk"]) {
      const choice = this.#form.elements.namedItem(name);
      if (choice instanceof HTMLSelectElement) choice.disabled = paged;
    }
  }

  #read(): void {
    const data = new FormData(this.#form);
    const text = (name: string): string => String(data.get(name) ?? "");
    this.#view = { ...this.#view, search: text("search"), category: text("category"), action: text("action"), risk: text("risk") };
    this.#changed();
  }

  #sortBy(name: string): void {
    const column: BoardColumn = boardColumns.find((known) => known === name) ?? usualView.sort;
    const descending = this.#view.sort === column ? !this.#view.descending : column !== "title" && column !== "risk";
    this.#view = { ...this.#view, sort: column, descending };
    for (const head of this.#table.querySelectorAll("th[aria-sort]")) {
      const own = head.querySelector<HTMLElement>("[data-sort]")?.dataset["sort"] === column;
      head.setAttribute("aria-sort", own ? (descending ? "descending" : "ascending") : "none");
    }
    this.#changed();
  }

  #changed(): void {
    history.replaceState(null, "", `${location.pathname}${writeView(this.#view)}`);
    this.#box.scrollTop = 0;
    if (this.#source.paged) void this.#fetch((view) => this.#source.load(view));
    else if (this.#source.courses > 0) this.#arrange(this.#source.of(this.#view));
  }

  #arrange({ rows, courses, more }: BoardRows): void {
    if (!this.#table.classList.contains("virtual")) {
      this.#body.replaceChildren();
      this.#table.classList.add("virtual");
    }
    this.#rows = rows;
    this.#more = more;
    this.#table.ariaRowCount = String(more ? -1 : rows.length + 1);
    this.#body.style.height = `${rows.length * ROW_PX}px`;
    const found = courses === undefined ? `${formatWhole(rows.length)} courses${more ? ", and more as you scroll" : ""}` : `${formatWhole(rows.length)} of ${formatWhole(courses)} courses`;
    const none = courses === 0 ? "No course yet. Publish `course.upserted` and a price, and the course appears here." : "No course matches. Fewer words or another filter may find it.";
    this.#count.textContent = rows.length === 0 ? none : found;
    this.#draw();
    this.#settle();
  }

  #soon(): void {
    if (this.#frame !== 0 || this.#rows.length === 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
      clearTimeout(this.#settling);
      this.#settling = setTimeout(() => this.#settle(), SETTLED_MS);
    });
  }

  #draw(): void {
    const room = Math.ceil((this.#height_px || this.#box.clientHeight) / ROW_PX) + 1 + 2 * SPARE;
    if (this.#views.length !== room) {
      this.#body.replaceChildren();
      this.#views = Array.from({ length: room }, () => new RowView());
    }
    const rows = this.#rows;
    const first = Math.max(0, Math.min(Math.floor(this.#box.scrollTop / ROW_PX) - SPARE, rows.length - room));
    const end = Math.min(first + room, rows.length);
    for (let place = first; place < end; place++) {
      const view = this.#views[place % room]!;
      // The row that somebody was on goes out of sight: what takes its place is another course.
      if (view.place !== place && view.element.contains(document.activeElement)) this.#box.focus({ preventScroll: true });
      view.show(rows[place]!, place);
      if (view.element.parentNode === null) this.#body.append(view.element);
    }
    for (const { place, element } of this.#views) if (place < first || place >= end) element.remove();
    if (this.#more && end > rows.length - AHEAD) void this.#fetch((view) => this.#source.more(view));
  }

  /** Puts rows into the order in which they are seen, around the one that has the focus: moving that one would take it away. */
  #settle(): void {
    const rows = this.#views.filter(({ element }) => element.parentNode !== null).sort((a, b) => a.place - b.place);
    const focused = rows.findIndex(({ element }) => element.contains(document.activeElement));
    const anchor = rows[focused]?.element ?? null;
    for (const [i, { element }] of rows.entries()) {
      if (i < focused) this.#body.insertBefore(element, anchor);
      else if (i > focused) this.#body.append(element);
    }
  }

  /** Arrow keys on the table itself go row by row, as in any list. */
  #key(event: KeyboardEvent): void {
    if (event.target !== this.#box) return;
    const step = event.key === "ArrowDown" ? ROW_PX : event.key === "ArrowUp" ? -ROW_PX : 0;
    if (step === 0) return;
    event.preventDefault();
    this.#box.scrollTop += step;
  }
}

export function startBoard(): void {
  const box = document.querySelector<HTMLElement>("[data-board]");
  const form = document.querySelector<HTMLFormElement>("[data-board-form]");
  const count = document.querySelector<HTMLElement>("[data-board-count]");
  const table = box?.querySelector("table");
  const body = table?.tBodies[0];
  if (box === null || form === null || count === null || table === null || table === undefined || body === undefined) return;
  const board = new Board(box, form, count, table, body);
  void board.load();
  setInterval(() => void board.load(), REFRESH_MS);
}
