import type { FeaturesAnswer } from "../../contracts/api.ts";
import { NEVER_DAYS } from "../../features/definition.ts";
import { formatCount, formatDay, formatNumber, formatShare, formatTokens } from "./format.ts";
import { DataTable } from "./parts.tsx";

type Definition = FeaturesAnswer["features"][number];

/** A feature's value with its unit, as a person would say it. */
export function featureText(value: number, unit: string): string {
  switch (unit) {
    case "tokens":
      return formatTokens(value);
    case "ratio":
      return formatShare(value);
    case "ms":
      return value === 0 ? "never" : formatDay(value);
    case "days":
      return value >= NEVER_DAYS ? "never" : `${formatCount(value)} days`;
    case "minutes":
      return `${formatCount(value)} min`;
    case "stars":
      return value === 0 ? "none" : `${formatNumber(value)} of 5`;
    case "count":
    case "ordinal":
      return formatCount(value);
    default:
      return formatNumber(value);
  }
}

/** Every feature of a record: name, value, meaning. */
export function Features({ entity, features, definitions }: { readonly entity: string; readonly features: Readonly<Record<string, number>>; readonly definitions: readonly Definition[] }) {
  const known = new Map(definitions.filter((definition) => definition.entity === entity).map((definition) => [definition.name, definition]));
  return (
    <details class="features">
      <summary>{Object.keys(features).length} features</summary>
      <DataTable label="Features" columns={["Feature", { number: "Value" }, "Meaning"]}>
        {Object.entries(features).map(([name, value]) => (
          <tr>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td class="number">{featureText(value, known.get(name)?.unit ?? "")}</td>
            <td>{known.get(name)?.description ?? ""}</td>
          </tr>
        ))}
      </DataTable>
    </details>
  );
}
