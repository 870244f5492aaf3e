import { formatChange, formatCount, formatWhole } from "../format.ts";

/** Points of a course's curve, as the page carries them. */
interface WhatIfPoint {
  readonly price: number;
  readonly enrollments: number;
  readonly enrollments_low: number;
  readonly enrollments_high: number;
  readonly revenue: number;
  readonly revenue_low: number;
  readonly revenue_high: number;
}

/** A slider over prices: what each is expected to bring. */
export function startWhatIf(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-what-if]")) {
    const slider = element.querySelector<HTMLInputElement>("input[type=range]");
    if (slider === null) continue;
    const points = JSON.parse(element.dataset["whatIf"] ?? "[]") as WhatIfPoint[];
    const now = Number(element.dataset["now"]);
    const at = (price: number): WhatIfPoint | undefined => points.reduce<WhatIfPoint | undefined>((best, point) => (best === undefined || Math.abs(point.price - price) < Math.abs(best.price - price) ? point : best), undefined);
    const write = (name: string, text: string): void => {
      const output = element.querySelector(`[data-out=${name}]`);
      if (output !== null) output.textContent = text;
    };
    const tell = (): void => {
      const point = points[Number(slider.value)];
      const base = at(now);
      if (point === undefined) return;
      write("price", formatWhole(point.price));
      write("enrollments", `${formatCount(point.enrollments)} (${formatCount(point.enrollments_low)} – ${formatCount(point.enrollments_high)})`);
      write("revenue", `${formatCount(point.revenue)} (${formatCount(point.revenue_low)} – ${formatCount(point.revenue_high)})`);
      write("change", base === undefined || base.revenue === 0 ? "" : `${formatChange((point.revenue / base.revenue - 1) * 100)} against the price now`);
      slider.setAttribute("aria-valuetext", `${formatWhole(point.price)} tokens: ${formatCount(point.enrollments)} enrollments, ${formatCount(point.revenue)} tokens of revenue expected`);
    };
    slider.addEventListener("input", tell);
    tell();
  }
}
