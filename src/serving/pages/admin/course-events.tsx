import { formatMinute, formatWhole } from "../format.ts";
import { Badge, DataTable } from "../parts.tsx";
import type { TimelineEntry, TimelineKind } from "../course-timeline.ts";

const ROWS_MAX = 40;

const kinds: Readonly<Record<TimelineKind, { readonly label: string; readonly tone: "good" | "warn" | "bad" | "plain" }>> = {
  repriced: { label: "list price", tone: "good" },
  accepted: { label: "accepted", tone: "good" },
  overridden: { label: "by hand", tone: "warn" },
  automatic: { label: "automatic", tone: "plain" },
  proposed: { label: "proposed", tone: "plain" },
  rejected: { label: "rejected", tone: "bad" },
  scheduled: { label: "scheduled", tone: "plain" },
  promotion: { label: "promotion", tone: "warn" },
  competitor: { label: "competitor", tone: "plain" },
  model: { label: "model", tone: "plain" },
};

const when = (at_ms: number): string => formatMinute(at_ms);

/** What the chart of prices marks, in words; newest first. */
export function CourseEvents({ entries }: { readonly entries: readonly TimelineEntry[] }) {
  const shown = entries.slice(-ROWS_MAX).toReversed();
  return (
    <DataTable
      label="What happened around the price"
      caption={<>What happened around the price{entries.length > shown.length && `, the newest ${shown.length} of ${formatWhole(entries.length)}`}</>}
      columns={["When", "Kind", { number: "Price, tokens" }, "What", "Who", "Why"]}
    >
      {shown.map(({ at_ms, until_ms, kind, price, what, who, why }) => (
        <tr>
          <td>
            {when(at_ms)}
            {until_ms !== undefined && <span class="under">until {when(until_ms)}</span>}
          </td>
          <td>
            <Badge tone={kinds[kind].tone}>{kinds[kind].label}</Badge>
          </td>
          <td class="number">{price === undefined ? "–" : formatWhole(price)}</td>
          <th scope="row">{what}</th>
          <td>{who ?? "–"}</td>
          <td>{why ?? "–"}</td>
        </tr>
      ))}
    </DataTable>
  );
}
