import type { CourseDetail } from "../../contracts/catalogue.ts";
import type { ChartMark, ChartSpec } from "./chart.ts";
import { courseTimeline, timelineChart } from "./course-timeline.ts";

function marksOf({ list_price, recommendation }: CourseDetail): ChartMark[] {
  const now: ChartMark = { at: list_price, label: `Now: ${list_price} tokens`, colour: "grey" };
  if (recommendation.optimal_price === list_price) return [now];
  return [now, { at: recommendation.optimal_price, label: `Recommended: ${recommendation.optimal_price} tokens`, colour: "orange" }];
}

function shadeOf({ supported_range: { min, max } }: CourseDetail): NonNullable<ChartSpec["shade"]> {
  return { from: min, to: max, label: "Prices with evidence" };
}

const priceAxis = (detail: CourseDetail): ChartSpec["x"] => ({ label: "Price, tokens", quantity: "tokens", values: detail.demand_curve.points.map(({ price }) => price) });

/** Enrollments over the price, with their interval. */
export function demandChart(detail: CourseDetail): ChartSpec {
  const { points, horizon_days } = detail.demand_curve;
  return {
    x: priceAxis(detail),
    y: { label: `enrollments in ${horizon_days} days`, quantity: "count", from_zero: true },
    series: [
      {
        label: "Expected",
        values: points.map(({ enrollments }) => enrollments),
        line: "solid",
        colour: "teal",
        band: { label: "80 % interval", low: points.map(({ interval80 }) => interval80.low), high: points.map(({ interval80 }) => interval80.high) },
      },
    ],
    marks: marksOf(detail),
    shade: shadeOf(detail),
  };
}

/** Revenue over the price, with its interval. */
export function revenueChart(detail: CourseDetail): ChartSpec {
  const { points, horizon_days } = detail.demand_curve;
  return {
    x: priceAxis(detail),
    y: { label: `tokens in ${horizon_days} days`, quantity: "tokens", from_zero: true },
    series: [
      {
        label: "Expected",
        values: points.map(({ revenue }) => revenue),
        line: "solid",
        colour: "indigo",
        band: { label: "80 % interval", low: points.map(({ revenue_interval80 }) => revenue_interval80.low), high: points.map(({ revenue_interval80 }) => revenue_interval80.high) },
      },
    ],
    marks: marksOf(detail),
    shade: shadeOf(detail),
  };
}

/** List prices alone. */
export function historyChart(detail: CourseDetail, now_ms: number): ChartSpec {
  return timelineChart(courseTimeline({ detail, changes: [], promotions: [], competitors: [], models: [] }), detail, now_ms);
}
