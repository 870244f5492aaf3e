import type { Analysis } from "../../../contracts/training-analysis.ts";
import { parseTime } from "../../../lib/time.ts";
import { type Span, trendChart } from "../charts/trend-chart.ts";
import { figure, figures, legend } from "../figure.ts";
import { day, figure as number } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";

type Trend = NonNullable<Analysis["trend"]>;

const SERIES_MAX = 12;

/** What a series tells when it does something odd. */
const looks: Readonly<Record<string, string>> = {
  exposures: "Gaps are lost events or a platform that stood still.",
  enrollments: "Should move with exposures, unless price or taste moved.",
  conversion: "A break near the shaded weeks makes the judgement unlike the training.",
  "mean price": "A drift here with conversion against it is demand, or its confounding.",
  revenue: "What pricing is for.",
  courses: "New courses have little history: many at once weaken every figure.",
};

/** Validation and test weeks, each as one span. */
function spansOf({ at, block }: Trend): Span[] {
  const times = at.map(parseTime);
  const step = times.length > 1 ? times[1]! - times[0]! : 0;
  return (["validation", "test"] as const).flatMap((name) => {
    const first = block.indexOf(name);
    const last = block.lastIndexOf(name);
    return first < 0 ? [] : [{ shade: name === "validation" ? "light" : "dark", from_ms: times[first]!, to_ms: times[last]! + step }];
  });
}

function seriesFigure({ name, unit, values }: Trend["series"][number], { at }: Trend, spans: readonly Span[]): Html {
  const known = values.filter((value) => value !== null);
  const range = known.length === 0 ? "no value" : `from ${number(known[0])} to ${number(known.at(-1))}, lowest ${number(Math.min(...known))}, highest ${number(Math.max(...known))}`;
  return figure({
    title: name,
    unit,
    look: looks[name] ?? "Breaks and gaps are worth a reason.",
    chart: trendChart({ alt: `${name}, ${unit}, from ${day(at[0]!)} to ${day(at.at(-1)!)}: ${range}`, axis: unit, at, values, spans }),
  });
}

export const trendSection: Section = {
  id: "trend",
  title: "Trend",
  stage: "understanding",
  shows: "exposures, enrollments, conversion and prices over time",
  body({ analysis: { trend } }) {
    if (trend === null || trend.at.length === 0 || trend.series.length === 0) return null;
    const spans = spansOf(trend);
    return html`<p>What happens only in the shaded weeks, no model could learn.</p>
${legend([
  { swatch: "line", colour: "blue", text: "all rows of the period" },
  { swatch: "shade", colour: "muted", text: "validation: models are selected" },
  { swatch: "shade-dark", colour: "muted", text: "test: the challenger is judged" },
])}${figures("medium", trend.series.slice(0, SERIES_MAX).map((series) => seriesFigure(series, trend, spans)))}`;
  },
};
