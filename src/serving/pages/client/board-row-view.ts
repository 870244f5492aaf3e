import type { BoardRow } from "../board-row.ts";
import { formatChange, formatCount, formatNumber, formatShare, formatWhole, formatWholeShare } from "../format.ts";

/** As the style sheet has it. */
export const ROW_PX = 52;

function cell(tag: "th" | "td", className: string, ...children: Node[]): HTMLTableCellElement {
  const made = document.createElement(tag);
  made.className = className;
  made.setAttribute("role", tag === "th" ? "rowheader" : "cell");
  made.append(...children);
  return made;
}

/** A row's elements, made once and written again for whatever course takes its place. It is moved by a transform: nothing around it has to be laid out anew. */
export class RowView {
  readonly element = document.createElement("tr");
  #row: BoardRow | undefined;
  #place = -1;
  readonly #link = document.createElement("a");
  readonly #under = document.createTextNode("");
  readonly #arrow = document.createTextNode("");
  readonly #optimal = document.createTextNode("");
  readonly #optimal_cell: HTMLTableCellElement;
  readonly #elasticity_cell: HTMLTableCellElement;
  readonly #badge = document.createElement("span");
  readonly #fill = document.createElement("span");
  readonly #price = document.createTextNode("");
  readonly #gain = document.createTextNode("");
  readonly #confidence = document.createTextNode("");
  readonly #revenue = document.createTextNode("");
  readonly #enrollments = document.createTextNode("");
  readonly #conversion = document.createTextNode("");
  readonly #elasticity = document.createTextNode("");

  constructor() {
    const under = document.createElement("span");
    under.className = "under";
    under.append(this.#under);
    const arrow = document.createElement("span");
    arrow.className = "arrow";
    arrow.setAttribute("aria-hidden", "true");
    arrow.append(this.#arrow);
    const track = document.createElement("span");
    track.className = "track";
    track.append(this.#fill);
    this.#optimal_cell = cell("td", "", arrow, this.#optimal);
    this.#elasticity_cell = cell("td", "col-elasticity number", this.#elasticity);
    this.element.setAttribute("role", "row");
    this.element.append(
      cell("th", "col-title", this.#link, under),
      cell("td", "col-price number", this.#price),
      this.#optimal_cell,
      cell("td", "col-gain number", this.#gain),
      cell("td", "col-confidence number", this.#confidence, track),
      cell("td", "col-risk", this.#badge),
      cell("td", "col-revenue number", this.#revenue),
      cell("td", "col-enrollments number", this.#enrollments),
      cell("td", "col-conversion number", this.#conversion),
      this.#elasticity_cell,
    );
  }

  get place(): number {
    return this.#place;
  }

  show(row: BoardRow, place: number): void {
    if (this.#place !== place) {
      this.#place = place;
      this.element.style.transform = `translateY(${place * ROW_PX}px)`;
      this.element.ariaRowIndex = String(place + 2);
    }
    if (this.#row === row) return;
    this.#row = row;
    this.#link.href = `/admin/prices/${row.id}`;
    this.#link.textContent = row.title;
    this.#under.data = `${row.id} · ${row.category}`;
    this.#price.data = formatWhole(row.price);
    this.#optimal_cell.className = `col-optimal number ${row.action}`;
    this.#arrow.data = row.action === "increase" ? "↑ " : row.action === "decrease" ? "↓ " : "→ ";
    this.#optimal.data = formatWhole(row.optimal);
    this.#gain.data = formatChange(row.gain);
    this.#confidence.data = formatWholeShare(row.confidence);
    this.#fill.style.transform = `scaleX(${row.confidence.toFixed(3)})`;
    this.#badge.className = `badge ${row.risk === "low" ? "good" : row.risk === "medium" ? "warn" : "bad"}`;
    this.#badge.textContent = row.risk;
    this.#revenue.data = formatWhole(row.revenue);
    this.#enrollments.data = formatCount(row.enrollments);
    this.#conversion.data = formatShare(row.conversion);
    this.#elasticity.data = formatNumber(row.elasticity);
    this.#elasticity_cell.classList.toggle("unidentified", !row.identified);
  }
}
