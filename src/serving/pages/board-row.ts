/** A course as the table of prices holds it, in the browser's memory: short names, since there are thousands. */
export interface BoardRow {
  readonly id: string;
  readonly title: string;
  readonly category: string;
  readonly teacher: string;
  readonly price: number;
  readonly optimal: number;
  /** Of expected revenue, percent. */
  readonly gain: number;
  readonly confidence: number;
  readonly risk: "low" | "medium" | "high";
  readonly action: "increase" | "decrease" | "hold";
  readonly revenue: number;
  readonly enrollments: number;
  readonly conversion: number;
  readonly elasticity: number;
  readonly identified: boolean;
}

export interface BoardAnswer {
  readonly rows: readonly BoardRow[];
  /** Whether there are too many courses for one answer: then `rows` is a page of what was asked for. */
  readonly cut: boolean;
  /** What asks for the next page; null: there is none. */
  readonly next: string | null;
}

/** Columns that the table can be sorted by. */
export const boardColumns = ["title", "category", "price", "optimal", "gain", "confidence", "risk", "revenue", "enrollments", "conversion", "elasticity"] as const;
export type BoardColumn = (typeof boardColumns)[number];
/** Those among them that a catalogue has an index of, however large it is. */
export const pagedColumns = ["title", "price", "revenue", "enrollments", "conversion"] as const satisfies readonly BoardColumn[];

const riskOrder = { low: 0, medium: 1, high: 2 } as const;

export function sortValue(row: BoardRow, column: BoardColumn): string | number {
  return column === "risk" ? riskOrder[row.risk] : row[column];
}

/** Which rows are shown, and in what order. */
export interface BoardView {
  readonly search: string;
  readonly category: string;
  readonly action: string;
  readonly risk: string;
  readonly sort: BoardColumn;
  readonly descending: boolean;
}

export const usualView: BoardView = { search: "", category: "", action: "", risk: "", sort: "revenue", descending: true };

/** The view that a query string asks for; what it does not understand stays usual. */
export function readView(search: string): BoardView {
  const query = new URLSearchParams(search);
  const sort = query.get("sort") ?? "-revenue";
  const column = boardColumns.find((known) => known === sort.replace(/^-/, ""));
  return {
    search: query.get("search") ?? "",
    category: query.get("category") ?? "",
    action: query.get("action") ?? "",
    risk: query.get("risk") ?? "",
    sort: column ?? usualView.sort,
    descending: column === undefined ? usualView.descending : sort.startsWith("-"),
  };
}

/** The query string of a view, without what is usual. */
export function writeView(view: BoardView): string {
  const query = new URLSearchParams();
  for (const name of ["search", "category", "action", "risk"] as const) if (view[name] !== "") query.set(name, view[name]);
  if (view.sort !== usualView.sort || view.descending !== usualView.descending) query.set("sort", `${view.descending ? "-" : ""}${view.sort}`);
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

/** The rows of a view, in its order; equal ones by id. */
export function rowsOf(rows: readonly BoardRow[], view: BoardView): BoardRow[] {
  const words = view.search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const matches = (row: BoardRow): boolean => {
    if (view.category !== "" && row.category !== view.category) return false;
    if (view.action !== "" && row.action !== view.action) return false;
    if (view.risk !== "" && row.risk !== view.risk) return false;
    const text = `${row.title} ${row.id} ${row.category} ${row.teacher}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const sign = view.descending ? -1 : 1;
  return rows.filter(matches).sort((a, b) => {
    const [x, y] = [sortValue(a, view.sort), sortValue(b, view.sort)];
    const order = typeof x === "string" && typeof y === "string" ? x.localeCompare(y, "en", { numeric: true }) : Number(x) - Number(y);
    return sign * order || (a.id < b.id ? -1 : 1);
  });
}
