import { expect, test } from "vitest";
import { featureCatalogue } from "../features/feature-catalogue.ts";
import { entityNames } from "../features/store.ts";
import { featuresMarkdown } from "./features-command.ts";

const lines = featuresMarkdown(featureCatalogue).split("\n");

test("the listing has one row a feature, under its entity, all as wide as the heading", () => {
  expect(lines.filter((line) => line.startsWith("## "))).toEqual(entityNames.map((entity) => `## ${entity}`));
  for (const { entity, name } of featureCatalogue) {
    const section = lines.slice(lines.indexOf(`## ${entity}`));
    expect(section.find((line) => line.startsWith(`| \`${name}\` |`)), `${entity}.${name}`).toBeDefined();
  }
  const rows = lines.filter((line) => line.startsWith("|"));
  expect(rows).toHaveLength(featureCatalogue.length + 2 * entityNames.length);
  for (const row of rows) expect(row.replaceAll("\\|", "").split("|")).toHaveLength(10);
});

test("a row says unit, meaning, events, window, lateness, default and what is personal", () => {
  expect(lines).toContain("| `exposures_1h` | count | exposures of the last 1h, from the tile that the window starts in | exposure.viewed | 1 h | 1 d | 0 |  |");
  expect(lines).toContain("| `spent_tokens` | tokens | tokens spent | token.spent |  | any | 0 | yes |");
});
