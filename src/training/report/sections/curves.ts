import type { Curve } from "../../../contracts/training-analysis.ts";
import { demandChart } from "../charts/demand-chart.ts";
import { figure, figures, legend } from "../figure.ts";
import { figure as number, fixed, percent } from "../format.ts";
import { html, type Html } from "../html.ts";
import type { Section } from "../section.ts";
import { leftOut } from "../table.ts";

const CURVES_MAX = 12;

function nearest({ points }: Curve, price: number): Curve["points"][number] {
  return points.reduce((a, b) => (Math.abs(b.price_tokens - price) < Math.abs(a.price_tokens - price) ? b : a));
}

/** What the best price on the curve would be worth, and whether it is only the curve's end. */
function advice(curve: Curve): string {
  const { points, price_tokens, best_price_tokens, supported } = curve;
  const now = nearest(curve, price_tokens).revenue_tokens;
  const best = nearest(curve, best_price_tokens).revenue_tokens;
  const gain = now > 0 ? ` for ${percent(best / now - 1)} more revenue` : "";
  const move = best_price_tokens === price_tokens ? `${number(price_tokens)} tokens now, and best` : `${number(price_tokens)} tokens now, best at ${number(best_price_tokens)}${gain}`;
  const end = points.length > 1 && (best_price_tokens === points[0]!.price_tokens || best_price_tokens === points.at(-1)!.price_tokens);
  const beyond = best_price_tokens < Math.floor(supported[0]) || best_price_tokens > Math.ceil(supported[1]);
  return `${move}${end ? "; the best is the curve's end: the optimum lies beyond" : beyond ? "; outside the prices that it has had" : ""}`;
}

function curveFigure(curve: Curve): Html {
  const { course_id, category, elasticity, points, price_tokens, best_price_tokens, supported, exposures_per_week } = curve;
  const slope = elasticity.identified ? `elasticity ${fixed(elasticity.value, 2)} (${fixed(elasticity.ci95[0], 2)} to ${fixed(elasticity.ci95[1], 2)})` : "elasticity not identified: assumed";
  return figure({
    title: html`<code>${course_id}</code> ${category}`,
    unit: `${number(exposures_per_week)} exposures a week; ${slope}`,
    look: `${advice(curve)}.`,
    chart: demandChart({
      alt: `Expected enrollments and revenue a week of course ${course_id} (${category}) at prices from ${number(points[0]!.price_tokens)} to ${number(points.at(-1)!.price_tokens)} tokens, with 95 % intervals; ${slope}; ${advice(curve)}`,
      enrollments: points.map((point) => ({ price: point.price_tokens, value: point.enrollments, low: point.enrollments_ci95[0], high: point.enrollments_ci95[1] })),
      revenue: points.map((point) => ({ price: point.price_tokens, value: point.revenue_tokens, low: point.revenue_ci95[0], high: point.revenue_ci95[1] })),
      price_now: price_tokens,
      price_best: best_price_tokens,
      supported,
    }),
  });
}

export const curvesSection: Section = {
  id: "curves",
  title: "Demand curves",
  stage: "evaluation",
  shows: "expected enrollments and revenue over the price, for some courses",
  body({ analysis: { curves } }) {
    const drawn = curves.filter(({ points }) => points.length > 0);
    if (drawn.length === 0) return null;
    const shown = drawn.slice(0, CURVES_MAX);
    return html`<p>What a price call would believe before the course's own data of the last weeks: the challenger's level, the causal slope, and an interval for next week's count. Flat revenue means that a wrong price costs
little; a band that is wide against the slope means that the optimum is a guess.</p>
${legend([
  { swatch: "band", colour: "blue", text: "enrollments a week, 95 % interval" },
  { swatch: "band", colour: "orange", text: "revenue a week, 95 % interval" },
  { swatch: "dotted", colour: "ink", text: "price now" },
  { swatch: "line", colour: "green", text: "best on the curve" },
  { swatch: "shade", colour: "muted", text: "prices that it has had" },
])}${figures("small", shown.map(curveFigure))}${leftOut(drawn.length, shown.length)}`;
  },
};
