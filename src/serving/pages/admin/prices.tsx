import type { Context } from "hono";
import type { CourseItem } from "../../../contracts/catalogue.ts";
import { formatTime } from "../../../lib/time.ts";
import { validatedJson } from "../../etag.ts";
import { type BoardAnswer, type BoardColumn, type BoardRow, readView, rowsOf } from "../board-row.ts";
import { formatChange, formatCount, formatNumber, formatShare, formatWhole, formatWholeShare } from "../format.ts";
import { type Page, platformSubject, within } from "../page.ts";
import { Badge, Bar, Empty, Pending } from "../parts.tsx";
import { BOARD_COURSES_MAX, type PriceBoard, type PriceBoards } from "../price-board.ts";

/** As many as fill a tall screen until the script takes over. */
const ROWS = 24;

function boardRow(item: CourseItem): BoardRow {
  const { recommendation } = item;
  return {
    id: item.course_id,
    title: item.title ?? item.course_id,
    category: item.category ?? "",
    teacher: item.teacher_id ?? "",
    price: item.list_price,
    optimal: recommendation?.optimal_price ?? item.list_price,
    gain: recommendation?.increase_pct ?? 0,
    confidence: recommendation?.confidence ?? 0,
    risk: recommendation?.risk ?? "high",
    action: recommendation?.action ?? "hold",
    revenue: item.revenue_30d_tokens,
    enrollments: item.enrollments_30d,
    conversion: item.conversion_30d,
    elasticity: item.elasticity.value,
    identified: item.elasticity.identified,
  };
}

function boardAnswer(board: PriceBoard): BoardAnswer {
  return { rows: board.courses.map(boardRow), cut: board.cut, as_of: formatTime(board.at_ms) };
}

/** Texts of boards, which many browsers ask for. */
const texts = new WeakMap<PriceBoard, { readonly content: string; readonly text: string }>();

/** GET /admin/prices.json: the rows of the table, once for all who look at it. */
export async function boardResponse(boards: PriceBoards, context: Context): Promise<Response> {
  const board = await boards.board();
  let kept = texts.get(board);
  if (kept === undefined) {
    const answer = boardAnswer(board);
    kept = { content: JSON.stringify([answer.rows, answer.cut]), text: JSON.stringify(answer) };
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
    content: async ({ context, wait_ms }) => {
      const board = await within(boards.board(), wait_ms);
      const view = readView(new URL(context.req.url).search);
      const all = board === undefined ? [] : board.courses.map(boardRow);
      const rows = rowsOf(all, view);
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
              {board === undefined ? "Pricing every course…" : `${formatWhole(rows.length)} of ${formatWhole(all.length)} courses`}
            </p>
            {board?.cut === true && <p class="notice">The catalogue is larger than this table: the first {formatWhole(BOARD_COURSES_MAX)} courses by id are in it.</p>}
            {board !== undefined && all.length === 0 ? <Empty title="No course yet">Publish `course.upserted` and a price, and the course appears here.</Empty> : <Board rows={rows.slice(0, ROWS)} total={rows.length} sort={view.sort} descending={view.descending} />}
            {board === undefined && <Pending>Pricing every course…</Pending>}
          </>
        ),
      };
    },
  };
}

function Board({ rows, total, sort, descending }: { readonly rows: readonly BoardRow[]; readonly total: number; readonly sort: BoardColumn; readonly descending: boolean }) {
  return (
    <div class="board" data-board tabindex={0} role="region" aria-label="Courses and their prices">
      <table class="board-table" aria-rowcount={total + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ column, label, number, hint }) => (
              <th scope="col" class={`col-${column}${number ? " number" : ""}`} aria-sort={column === sort ? (descending ? "descending" : "ascending") : "none"}>
                <button type="button" data-sort={column}>
                  <span>{label}</span>
                  {hint !== undefined && <span class="hint">{hint}</span>}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr aria-rowindex={i + 2}>
              <th scope="row" class="col-title">
                <a href={`/admin/prices/${row.id}`}>{row.title}</a>
                <span class="under">
                  {row.id} · {row.category}
                </span>
              </th>
              <td class="col-price number">{formatWhole(row.price)}</td>
              <td class={`col-optimal number ${row.action}`}>
                <span class="arrow" aria-hidden="true">
                  {row.action === "increase" ? "↑" : row.action === "decrease" ? "↓" : "→"}
                </span>{" "}
                {formatWhole(row.optimal)}
              </td>
              <td class="col-gain number">{formatChange(row.gain)}</td>
              <td class="col-confidence number">
                {formatWholeShare(row.confidence)} <Bar share={row.confidence} />
              </td>
              <td class="col-risk">
                <Badge tone={row.risk === "low" ? "good" : row.risk === "medium" ? "warn" : "bad"}>{row.risk}</Badge>
              </td>
              <td class="col-revenue number">{formatWhole(row.revenue)}</td>
              <td class="col-enrollments number">{formatCount(row.enrollments)}</td>
              <td class="col-conversion number">{formatShare(row.conversion)}</td>
              <td class={`col-elasticity number${row.identified ? "" : " unidentified"}`}>{formatNumber(row.elasticity)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
