import type { CourseItem, CoursesAnswer } from "../../contracts/catalogue.ts";
import { idSchema } from "../../contracts/fields.ts";
import type { Ask } from "./ask.ts";
import { type BoardAnswer, type BoardColumn, type BoardRow, type BoardView, readView } from "./board-row.ts";

const PAGE_ROWS = 200;
/** Of ids, in the order of their bytes. */
const CHARACTERS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

export function boardRow(item: CourseItem): BoardRow {
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

/** What GET /courses calls the columns that it sorts by. */
const orders: Partial<Readonly<Record<BoardColumn, string>>> = { title: "id", price: "price", revenue: "revenue", enrollments: "enrollments", conversion: "conversion" };

/** An id that nearly every id before those that begin with `start` is before, and none of them. */
function before(start: string): string {
  const place = CHARACTERS.indexOf(start.at(-1) ?? "");
  return place <= 0 ? start.slice(0, -1) : `${start.slice(0, -1)}${CHARACTERS[place - 1]}zzzz`.slice(0, 64);
}

async function pageOf(ask: Ask, query: Readonly<Record<string, string>>): Promise<BoardAnswer> {
  const { courses, next } = await ask.get<CoursesAnswer>(`/courses?${new URLSearchParams({ with: "recommendation", limit: String(PAGE_ROWS), ...query })}`);
  const after = next === null ? null : new URLSearchParams(next.slice(next.indexOf("?"))).get("after");
  return { rows: courses.map(boardRow), cut: true, next: after };
}

/** Courses whose ids begin with a text, in order of ids; the last page is the one on which another id follows. */
async function beginningWith(ask: Ask, start: string, after: string | null): Promise<BoardAnswer> {
  const from = after ?? before(start);
  const page = await pageOf(ask, { sort: "id", ...(from === "" ? {} : { after: from }) });
  const rows = page.rows.filter(({ id }) => id.startsWith(start));
  return { ...page, rows, next: rows.length === page.rows.length ? page.next : null };
}

/**
 * A page of a catalogue that is too large to be given at once, from the index that GET /courses goes by: it knows ids, categories, teachers and some figures, but no
 * titles and no recommendations. A search is the beginning of an id, else a teacher.
 */
export async function boardPage(ask: Ask, query: URLSearchParams): Promise<BoardAnswer> {
  const { search, category, sort, descending }: BoardView = readView(`?${query}`);
  const after = query.get("after");
  const word = search.trim();
  if (word !== "") {
    const found: BoardAnswer = { rows: [], cut: true, next: null };
    if (!idSchema.safeParse(word).success) return found;
    // Places in order of revenue are a teacher's.
    const courses = after?.includes("~") === true ? found : await beginningWith(ask, word, after);
    return courses.rows.length > 0 ? courses : pageOf(ask, { sort: "-revenue", teacher_id: word, ...(after === null ? {} : { after }) });
  }
  return pageOf(ask, { sort: `${descending ? "-" : ""}${orders[sort] ?? "revenue"}`, ...(category === "" ? {} : { category }), ...(after === null ? {} : { after }) });
}
