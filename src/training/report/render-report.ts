import { createHash } from "node:crypto";
import type { TrainingReport } from "../../contracts/training-run.ts";
import { html, trusted } from "./html.ts";
import { sectionsOf } from "./report-sections.ts";
import { renderSection } from "./section.ts";
import { hero } from "./sections/hero.ts";
import { styleSheet } from "./style-sheet.ts";

/** Nothing but the page's own style sheet: no script runs and nothing is asked for, whatever a name in the data holds. */
const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(styleSheet).digest("base64")}'; base-uri 'none'; form-action 'none'`;

/**
 * A training run's report as one HTML page that needs nothing else: verdict first, then stages, checks, data, models, lineage. A pure function of the record: equal
 * records give equal bytes. What the record does not have, of a run that failed or is under way, is named in its place. Lists are cut at what a page can show, so that
 * its size does not grow with the platform.
 */
export function renderReport(report: TrainingReport): string {
  const sections = sectionsOf(report.family).map((section) => renderSection(section, report));
  const page = html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Tidemark training run ${report.run_id}</title>
<style>${trusted(styleSheet)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<nav aria-label="Sections"><ol>
${sections.map(({ id, title, present }) => html`<li${present ? null : html` class="missing"`}><a href="#${id}">${title}</a></li>
`)}</ol></nav>
<main id="main">
${hero(report)}${sections.map(({ markup }) => markup)}</main>
<footer><p>Made by Tidemark from the record of run <code>${report.run_id}</code>. The figures are in the run's report.json.</p></footer>
</body>
</html>
`;
  return page.toString();
}
