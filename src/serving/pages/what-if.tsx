import type { CourseDetail } from "../../contracts/catalogue.ts";
import { formatCount, formatWhole } from "./format.ts";

/** A slider over the prices of a course's curve: what each is expected to bring. The curve is in the page, so that moving it asks nobody. */
export function WhatIf({ id, detail }: { readonly id: string; readonly detail: CourseDetail }) {
  const { points, horizon_days } = detail.demand_curve;
  const data = points.map(({ price, enrollments, interval80, revenue, revenue_interval80 }) => ({
    price,
    enrollments,
    enrollments_low: interval80.low,
    enrollments_high: interval80.high,
    revenue,
    revenue_low: revenue_interval80.low,
    revenue_high: revenue_interval80.high,
  }));
  const at = Math.max(
    0,
    points.findIndex(({ price }) => price >= detail.recommendation.optimal_price),
  );
  const point = points[at];
  if (point === undefined) return null;
  return (
    <div class="what-if" data-what-if={JSON.stringify(data)} data-now={detail.list_price} id={`what-if-${id}`}>
      <label for={`slider-${id}`}>
        What if it cost <strong data-out="price">{formatWhole(point.price)}</strong> tokens?
      </label>
      <input type="range" id={`slider-${id}`} min="0" max={points.length - 1} step="1" value={at} />
      <div class="ends" aria-hidden="true">
        <span>{formatWhole(points[0]?.price ?? 0)}</span>
        <span>{formatWhole(points.at(-1)?.price ?? 0)} tokens</span>
      </div>
      <dl>
        <div>
          <dt>Enrollments in {horizon_days} days</dt>
          <dd data-out="enrollments">
            {formatCount(point.enrollments)} ({formatCount(point.interval80.low)} – {formatCount(point.interval80.high)})
          </dd>
        </div>
        <div>
          <dt>Revenue in {horizon_days} days, tokens</dt>
          <dd data-out="revenue">
            {formatCount(point.revenue)} ({formatCount(point.revenue_interval80.low)} – {formatCount(point.revenue_interval80.high)})
          </dd>
        </div>
        <div>
          <dt>Expected revenue</dt>
          <dd data-out="change"></dd>
        </div>
      </dl>
      <p class="muted">In brackets: 80 of 100 months end between these.</p>
    </div>
  );
}
