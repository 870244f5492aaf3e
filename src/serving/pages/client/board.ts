import { type BoardAnswer, type BoardColumn, boardColumns, type BoardRow, type BoardView, readView, rowsOf, usualView, writeView } from "../board-row.ts";
import { formatChange, formatCount, formatNumber, formatShare, formatWhole, formatWholeShare } from "../format.ts";

/** As the style sheet has it. */
const ROW_PX = 52;
/** Rows beyond either edge, so that a fast wheel finds them there. */
const SPARE = 8;
const REFRESH_MS = 15_000;

/** A row's elements, made once and written again for whatever course is in its place. */
class RowView {
  readonly element = document.createElement("tr");
  #shown: BoardRow | undefined;
  readonly #link = document.createElement("a");
  readonly #under = document.createElement("span");
  readonly #cells = new Map<string, HTMLTableCellElement>();
  readonly #arrow = document.createElement("span");
  readonly #optimal = document.createTextNode("");
  readonly #badge = document.createElement("span");
  readonly #confidence = document.createTextNode("");
  readonly #fill: SVGRectElement;

  constructor() {
    const head = document.createElement("th");
    head.scope = "row";
    head.className = "col-title";
    this.#under.className = "under";
    head.append(this.#link, this.#under);
    this.element.append(head);
    for (const name of ["price", "optimal", "gain", "confidence", "risk", "revenue", "enrollments", "conversion", "elasticity"]) {
      const cell = document.createElement("td");
      cell.className = `col-${name}${name === "risk" ? "" : " number"}`;
      this.#cells.set(name, cell);
      this.element.append(cell);
    }
    this.#arrow.className = "arrow";
    this.#arrow.setAttribute("aria-hidden", "true");
    this.#cell("optimal").append(this.#arrow, this.#optimal);
    this.#cell("risk").append(this.#badge);
    const svg = svgElement("svg", { class: "bar teal", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.#fill = svgElement("rect", { class: "fill", height: "6", rx: "3", width: "0" });
    svg.append(svgElement("rect", { class: "track", width: "100", height: "6", rx: "3" }), this.#fill);
    this.#cell("confidence").append(this.#confidence, svg);
  }

  show(row: BoardRow, place: number): void {
    this.element.setAttribute("aria-rowindex", String(place + 2));
    if (this.#shown === row) return;
    this.#shown = row;
    this.#link.href = `/admin/prices/${row.id}`;
    this.#link.textContent = row.title;
    this.#under.textContent = `${row.id} · ${row.category}`;
    this.#write("price", formatWhole(row.price));
    this.#cell("optimal").className = `col-optimal number ${row.action}`;
    this.#arrow.textContent = row.action === "increase" ? "↑ " : row.action === "decrease" ? "↓ " : "→ ";
    this.#optimal.data = formatWhole(row.optimal);
    this.#write("gain", formatChange(row.gain));
    this.#confidence.data = formatWholeShare(row.confidence);
    this.#fill.setAttribute("width", (row.confidence * 100).toFixed(1));
    this.#badge.className = `badge ${row.risk === "low" ? "good" : row.risk === "medium" ? "warn" : "bad"}`;
    this.#badge.textContent = row.risk;
    this.#write("revenue", formatWhole(row.revenue));
    this.#write("enrollments", formatCount(row.enrollments));
    this.#write("conversion", formatShare(row.conversion));
    this.#write("elasticity", formatNumber(row.elasticity));
    this.#cell("elasticity").classList.toggle("unidentified", !row.identified);
  }

  #cell(name: string): HTMLTableCellElement {
    return this.#cells.get(name)!;
  }

  #write(name: string, text: string): void {
    this.#cell(name).textContent = text;
  }
}

function svgElement<Name extends keyof SVGElementTagNameMap>(name: Name, attributes: Readonly<Record<string, string>>): SVGElementTagNameMap[Name] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function spacer(): HTMLTableRowElement {
  const row = document.createElement("tr");
  row.className = "space";
  row.setAttribute("aria-hidden", "true");
  const cell = document.createElement("td");
  row.append(cell);
  return row;
}

/** The table of all courses: in the page are the rows that can be seen, and as much room as the others would take. */
class Board {
  readonly #box: HTMLElement;
  readonly #form: HTMLFormElement;
  readonly #count: HTMLElement;
  readonly #body: HTMLTableSectionElement;
  readonly #table: HTMLTableElement;
  readonly #above = spacer();
  readonly #below = spacer();
  readonly #views: RowView[] = [];
  #all: readonly BoardRow[] = [];
  #rows: readonly BoardRow[] = [];
  #view: BoardView = readView(location.search);
  #etag: string | null = null;
  #frame = 0;

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
    for (const button of box.querySelectorAll<HTMLButtonElement>("[data-sort]")) button.addEventListener("click", () => this.#sortBy(button.dataset["sort"] ?? ""));
    box.addEventListener("scroll", () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(box);
    box.addEventListener("keydown", (event) => this.#key(event));
  }

  async load(): Promise<void> {
    if (document.hidden) return;
    try {
      const response = await fetch("/admin/prices.json", { cache: "no-cache" });
      if (!response.ok) throw new Error(String(response.status));
      const tag = response.headers.get("etag");
      if (tag !== null && tag === this.#etag) return;
      const { rows } = (await response.json()) as BoardAnswer;
      const first = this.#etag === null;
      this.#etag = tag;
      this.#all = rows;
      this.#offerCategories();
      this.#arrange(first);
    } catch {
      this.#count.textContent = this.#all.length === 0 ? "Prices cannot be had right now; trying again." : `${this.#count.textContent ?? ""}`;
    }
  }

  #offerCategories(): void {
    const select = this.#form.elements.namedItem("category");
    if (!(select instanceof HTMLSelectElement)) return;
    const known = new Set([...select.options].map(({ value }) => value));
    for (const category of [...new Set(this.#all.map((row) => row.category))].sort()) if (category !== "" && !known.has(category)) select.add(new Option(category, category));
    select.value = this.#view.category;
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
    this.#arrange(true);
  }

  #arrange(anew: boolean): void {
    if (this.#all.length === 0) return;
    this.#rows = rowsOf(this.#all, this.#view);
    this.#table.setAttribute("aria-rowcount", String(this.#rows.length + 1));
    this.#count.textContent = this.#rows.length === 0 ? "No course matches. Fewer words or another filter may find it." : `${formatWhole(this.#rows.length)} of ${formatWhole(this.#all.length)} courses`;
    if (anew && this.#above.parentNode === null) this.#body.replaceChildren(this.#above, this.#below);
    this.#draw();
  }

  #soon(): void {
    if (this.#frame !== 0 || this.#all.length === 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    const visible = Math.ceil(this.#box.clientHeight / ROW_PX) + 2 * SPARE;
    const first = Math.max(0, Math.min(Math.floor(this.#box.scrollTop / ROW_PX) - SPARE, this.#rows.length - visible));
    const shown = Math.min(visible, this.#rows.length - first);
    while (this.#views.length < shown) this.#views.push(new RowView());
    for (const [i, view] of this.#views.entries()) {
      const row = i < shown ? this.#rows[first + i] : undefined;
      if (row === undefined) {
        view.element.remove();
        continue;
      }
      view.show(row, first + i);
      if (view.element.parentNode === null) this.#body.insertBefore(view.element, this.#below);
    }
    pad(this.#above, first * ROW_PX);
    pad(this.#below, (this.#rows.length - first - shown) * ROW_PX);
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

function pad(row: HTMLTableRowElement, height_px: number): void {
  const cell = row.firstElementChild;
  if (cell instanceof HTMLElement) cell.style.height = `${height_px}px`;
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
