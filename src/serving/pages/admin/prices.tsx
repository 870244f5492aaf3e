import type { Context } from "hono";
import type { Ask } from "../ask.ts";
import { boardPage, boardRow } from "../board-page.ts";
import { validatedJson } from "../../etag.ts";
import { type BoardAnswer, type BoardColumn, type BoardRow, readView, rowsOf } from "../board-row.ts";
import { formatChange, formatCount, formatNumber, formatShare, formatWhole, formatWholeShare } from "../format.ts";
import { type Page, platformSubject, within } from "../page.ts";
import { Badge, Empty } from "../parts.tsx";
import { type PriceBoard, type PriceBoards } from "../price-board.ts";

/** As many as fill a tall screen until the script takes over. */
const ROWS = 24;

/** Texts of boards, which many browsers ask for. */
const texts = new WeakMap<PriceBoard, { readonly content: string; readonly text: string }>();

/** GET /admin/prices.json: the rows of the table, once for all who look at it; of a catalogue that is too large for that, a page of what the query asks for. */
export async function boardResponse(boards: PriceBoards, ask: Ask, context: Context): Promise<Response> {
  const board = await boards.board();
  if (board.cut) return Response.json((await boardPage(ask, new URL(context.req.url).searchParams)) satisfies BoardAnswer);
  let kept = texts.get(board);
  if (kept === undefined) {
    const answer: BoardAnswer = { rows: board.courses.map(boardRow), cut: false, next: null };
    kept = { content: JSON.stringify(answer.rows), text: JSON.stringify(answer) };
    texts.set(board, kept);
  }
  return validatedJson(context, kept.content, kept.text);
}

const columns: readonly { readonly column: BoardColumn; readonly label: string; readonly number: boolean; readonly hint?: string }[] = [
  { column: "title", label: "Course", number: false },
  { column: "price", label: "Price", number: true, hint: "tokens" },
  { column: "optimal", label: "Optimal", number: true, hint: "tokens" },
  { column: "gain", label: "Gain", number: true, hint: "of revenue" },
  { column: "confidence", label: "Confidence", number: true },
  { column: "risk", label: "Risk", number: false },
  { column: "revenue", label: "Revenue", number: true, hint: "tokens, 30 d" },
  { column: "enrollments", label: "Sold", number: true, hint: "30 d" },
  { column: "conversion", label: "Conversion", number: true, hint: "30 d" },
  { column: "elasticity", label: "Elasticity", number: true },
];

/** /admin/prices: every course, its price, and what it should be. */
export function pricesPage(boards: PriceBoards): Page {
  return {
    path: "/admin/prices",
    place: "prices",
    summary: "every course with its price and what it should cost",
    subject: platformSubject,
    content: async ({ context, ask, wait_ms }) => {
      const board = await within(boards.board(), wait_ms);
      const view = readView(new URL(context.req.url).search);
      const all = board === undefined ? [] : board.courses.map(boardRow);
      const large = board?.cut === true;
      const rows = large ? (await boardPage(ask, new URL(context.req.url).searchParams)).rows : rowsOf(all, view);
      const categories = [...new Set(all.map(({ category }) => category).filter((category) => category !== ""))].sort();
      return {
        title: "Prices",
        body: (
          <>
            <h1>Prices</h1>
            <form class="toolbar" data-board-form role="search" aria-label="Courses" method="get" action="/admin/prices">
              <label class="grow">
                <span>Search</span>
                <input type="search" name="search" value={view.search} placeholder="Title, id, category or teacher" autocomplete="off" />
              </label>
              <label>
                <span>Category</span>
                <select name="category">
                  <option value="">All</option>
                  {(categories.includes(view.category) || view.category === "" ? categories : [view.category, ...categories]).map((category) => (
                    <option value={category} selected={category === view.category}>
                      {category}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                <span>Recommendation</span>
                <select name="action">
                  {[["", "All"], ["increase", "Raise"], ["decrease", "Lower"], ["hold", "Hold"]].map(([value, label]) => (
                    <option value={value} selected={value === view.action}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                <span>Risk</span>
                <select name="risk">
                  {[["", "All"], ["low", "Low"], ["medium", "Medium"], ["high", "High"]].map(([value, label]) => (
                    <option value={value} selected={value === view.risk}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
              <noscript>
                <button type="submit">Show</button>
              </noscript>
            </form>
            <p class="count" role="status" data-board-count>
              {board === undefined ? "Pricing every course…" : large ? `More than ${formatWhole(all.length)} courses, a page at a time` : `${formatWhole(rows.length)} of ${formatWhole(all.length)} courses`}
            </p>
            {large && <p class="muted">Of so many courses the search finds the beginning of an id, or all courses of a teacher; they are sorted by title&nbsp;(id), price, revenue, sales or conversion.</p>}
            {board !== undefined && all.length === 0 ? <Empty title="No course yet">Publish `course.upserted` and a price, and the course appears here.</Empty> : <Board rows={rows.slice(0, ROWS)} total={rows.length} sort={view.sort} descending={view.descending} />}
          </>
        ),
      };
    },
  };
}

function Board({ rows, total, sort, descending }: { readonly rows: readonly BoardRow[]; readonly total: number; readonly sort: BoardColumn; readonly descending: boolean }) {
  return (
    <div class="board" data-board tabindex={0} role="region" aria-label="Courses and their prices">
      <table class="board-table" role="table" aria-rowcount={total + 1}>
        <thead role="rowgroup">
          <tr role="row" aria-rowindex={1}>
            {columns.map(({ column, label, number, hint }) => (
              <th scope="col" role="columnheader" class={`col-${column}${number ? " number" : ""}`} aria-sort={column === sort ? (descending ? "descending" : "ascending") : "none"}>
                <button type="button" data-sort={column}>
                  <span>{label}</span>
                  {hint !== undefined && <span class="hint">{hint}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row, i) => (
            <tr role="row" aria-rowindex={i + 2}>
              <th scope="row" role="rowheader" class="col-title">
                <a href={`/admin/prices/${row.id}`}>{row.title}</a>
                <span class="under">
                  {row.id} · {row.category}
                </span>
              </th>
              <td role="cell" class="col-price number">{formatWhole(row.price)}</td>
              <td role="cell" class={`col-optimal number ${row.action}`}>
                <span class="arrow" aria-hidden="true">
                  {row.action === "increase" ? "↑" : row.action === "decrease" ? "↓" : "→"}
                </span>{" "}
                {formatWhole(row.optimal)}
              </td>
              <td role="cell" class="col-gain number">{formatChange(row.gain)}</td>
              <td role="cell" class="col-confidence number">
                {formatWholeShare(row.confidence)}
                <span class="track"></span>
              </td>
              <td role="cell" class="col-risk">
                <Badge tone={row.risk === "low" ? "good" : row.risk === "medium" ? "warn" : "bad"}>{row.risk}</Badge>
              </td>
              <td role="cell" class="col-revenue number">{formatWhole(row.revenue)}</td>
              <td role="cell" class="col-enrollments number">{formatCount(row.enrollments)}</td>
              <td role="cell" class="col-conversion number">{formatShare(row.conversion)}</td>
              <td role="cell" class={`col-elasticity number${row.identified ? "" : " unidentified"}`}>{formatNumber(row.elasticity)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
