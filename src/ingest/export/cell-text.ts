import { formatTime } from "../../lib/time.ts";
import type { Cell, ColumnType } from "./table.ts";

const DATE_LENGTH = "YYYY-MM-DD".length;

/** A cell as text, where a format has no type of its own for it. */
export function cellText(type: ColumnType, cell: Exclude<Cell, null>): string {
  if (type === "timestamp") return formatTime(cell as number);
  if (type === "date") return formatTime(cell as number).slice(0, DATE_LENGTH);
  return String(cell);
}
