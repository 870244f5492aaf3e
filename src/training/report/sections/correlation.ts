import type { Analysis } from "../../../contracts/training-analysis.ts";
import { correlationChart } from "../charts/correlation-chart.ts";
import { legend, wideFigure } from "../figure.ts";
import { fixed } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut } from "../table.ts";

type Correlation = NonNullable<Analysis["correlation"]>;

/** More would be too small to read. */
const NAMES_MAX = 24;
const PAIRS_SHOWN = 6;
/** Pairs that say nearly the same. */
const CLOSE = 0.8;

interface Pair {
  readonly a: string;
  readonly b: string;
  readonly value: number;
}

function pairs({ names, values }: Correlation): Pair[] {
  return names
    .flatMap((a, i) => names.slice(i + 1).map((b, j) => ({ a, b, value: values[i]?.[i + 1 + j] ?? Number.NaN })))
    .filter(({ value }) => Number.isFinite(value))
    .sort((x, y) => Math.abs(y.value) - Math.abs(x.value));
}

/** The first names and always the last, which is the label. */
function capped({ names, values }: Correlation): Correlation {
  const kept = names.map((_, i) => i).filter((i) => names.length <= NAMES_MAX || i < NAMES_MAX - 1 || i === names.length - 1);
  return { names: kept.map((i) => names[i]!), values: kept.map((i) => kept.map((j) => values[i]?.[j] ?? null)) };
}

export const correlationSection: Section = {
  id: "correlation",
  title: "Correlations",
  stage: "understanding",
  shows: "how features go together, and with the label",
  body({ analysis: { correlation } }) {
    if (correlation === null || correlation.names.length < 2) return null;
    const found = pairs(correlation);
    const strongest = found.slice(0, PAIRS_SHOWN);
    const text = ({ a, b, value }: Pair): string => `${a} and ${b} ${fixed(value, 2)}`;
    const close = found.filter(({ value }) => Math.abs(value) >= CLOSE).length;
    const shown = capped(correlation);
    const label = correlation.names.at(-1)!;
    return html`<p>${close === 0 ? `No pair is as close as ±${CLOSE}.` : `${close} ${close === 1 ? "pair is" : "pairs are"} at least as close as ±${CLOSE}: their importance is shared between them, and either can stand in for the other.`}</p>
${legend([
  { swatch: "area", colour: "warm", text: "rise together" },
  { swatch: "area", colour: "cool", text: "move apart" },
])}${wideFigure("Correlation of features", {
  unit: "Pearson's r over the training rows, from −1 to 1; figures below 0.1 are left out",
  look: html`The bottom row is the label, <code>${label}</code>. A feature that all but equals it would be a leak.`,
  chart: correlationChart({ alt: `Heat map of correlations of ${shown.names.length} columns. Strongest: ${strongest.map(text).join("; ")}`, names: shown.names, values: shown.values }),
})}${leftOut(correlation.names.length, shown.names.length)}<p>Strongest: ${strongest.map(({ a, b, value }, i) => html`${i === 0 ? null : "; "}<code>${a}</code> with <code>${b}</code> ${fixed(value, 2)}`)}.</p>
`;
  },
};
