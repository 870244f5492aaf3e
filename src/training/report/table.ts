import { figure } from "./format.ts";
import { type Content, html, type Html } from "./html.ts";

export interface Column<Row> {
  readonly head: Content;
  /** Figures stand right, under each other. */
  readonly numeric?: boolean;
  cell(row: Row): Content;
}

export interface Table<Row> {
  readonly caption: string;
  /** The first one names the row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** Class of a row that stands out. */
  mark?(row: Row): "chosen" | "total" | undefined;
}

/** Rows that a page shows of a list that anybody can make long. */
export const ROWS_MAX = 40;

function row<Row>(own: Row, { columns, mark }: Table<Row>): Html {
  const cells = columns.map(({ numeric, cell }, i) => {
    const kind = numeric === true ? html` class="number"` : null;
    return i === 0 ? html`<th scope="row"${kind}>${cell(own)}</th>` : html`<td${kind}>${cell(own)}</td>`;
  });
  const marked = mark?.(own);
  return html`<tr${marked === undefined ? null : html` class="${marked}"`}>${cells}</tr>
`;
}

/** A table that scrolls by itself where the page is narrow. */
export function table<Row>(options: Table<Row>): Html {
  const { caption, columns, rows } = options;
  const shown = rows.slice(0, ROWS_MAX);
  return html`<section class="scroll" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(({ head, numeric }) => html`<th scope="col"${numeric === true ? html` class="number"` : null}>${head}</th>`)}</tr></thead>
<tbody>
${shown.map((own) => row(own, options))}</tbody>
</table></section>
${leftOut(rows.length, shown.length)}`;
}

/** Says what a page leaves out of a long list. */
export function leftOut(all: number, shown: number): Content {
  return all > shown && html`<p class="note">${figure(all - shown)} more are in the run's report.json.</p>
`;
}
