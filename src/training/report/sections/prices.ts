import { histogramChart } from "../charts/histogram-chart.ts";
import { figure, figures, legend } from "../figure.ts";
import { figure as number, percent } from "../format.ts";
import { html } from "../html.ts";
import type { Section } from "../section.ts";

/** Whether there is anything to learn price response from. */
export const pricesSection: Section = {
  id: "prices",
  title: "Price variation",
  stage: "understanding",
  shows: "how far prices moved, and how much of it was random",
  body({ analysis: { prices } }) {
    if (prices === null) return null;
    const { variation, within_course_sd, between_course_sd, jitter } = prices;
    const usable = jitter.exposure_share > 0 && jitter.sd > 0;
    const drawn = variation.train.length > 0 && variation.edges.length === variation.train.length + 1;
    return html`<p>${usable
      ? `Prices moved at random on ${percent(jitter.exposure_share, 0)} of the exposures: that part of the variation, and no other, identifies the causal elasticity.`
      : "Prices never moved at random. Whatever goes with price then goes with what made people set it, and the causal elasticity is not identified."}</p>
<dl class="facts">
<div><dt>within a course</dt><dd><strong>${percent(within_course_sd)}</strong> standard deviation of log price around the course's mean</dd></div>
<div><dt>between courses</dt><dd><strong>${percent(between_course_sd)}</strong> standard deviation of those means</dd></div>
<div><dt>random part</dt><dd><strong>${percent(jitter.sd)}</strong> standard deviation, on ${percent(jitter.exposure_share)} of exposures and ${percent(jitter.course_week_share)} of course-weeks</dd></div>
<div><dt>courses with it</dt><dd><strong>${number(jitter.courses)}</strong></dd></div>
</dl>
${drawn && html`${legend([
  { swatch: "area", colour: "blue", text: "training rows" },
  { swatch: "line", colour: "orange", text: "held-out rows" },
])}${figures("medium", [
  figure({
    title: "Price against the course's reference price",
    unit: "log(price / reference) of a course-week; 0.1 is about 10 %",
    look: "The wider, the better demand is known away from today's price. One spike at 0 means that prices stood still.",
    chart: histogramChart({
      alt: `Distribution of log price over the reference price, from ${number(variation.edges[0])} to ${number(variation.edges.at(-1))}; standard deviation within courses ${percent(within_course_sd)}`,
      axis: "log(price / reference price)",
      train: { edges: variation.edges, counts: variation.train },
      ...(variation.held_out.length === variation.train.length && { held_out: { edges: variation.edges, counts: variation.held_out } }),
      width: 400,
      height: 220,
    }),
  }),
])}`}`;
  },
};
