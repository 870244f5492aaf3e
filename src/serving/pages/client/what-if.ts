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

function tell(element: HTMLElement): void {
  const slider = element.querySelector<HTMLInputElement>("input[type=range]");
  const points = JSON.parse(element.dataset["whatIf"] ?? "[]") as WhatIfPoint[];
  const point = points[Number(slider?.value)];
  if (slider === null || point === undefined) return;
  const now = Number(element.dataset["now"]);
  const base = points.reduce((best, each) => (Math.abs(each.price - now) < Math.abs(best.price - now) ? each : best));
  const write = (name: string, text: string): void => {
    const output = element.querySelector(`[data-out=${name}]`);
    if (output !== null) output.textContent = text;
  };
  write("price", formatWhole(point.price));
  write("enrollments", `${formatCount(point.enrollments)} (${formatCount(point.enrollments_low)} – ${formatCount(point.enrollments_high)})`);
  write("revenue", `${formatCount(point.revenue)} (${formatCount(point.revenue_low)} – ${formatCount(point.revenue_high)})`);
  write("change", base.revenue === 0 ? "" : `${formatChange((point.revenue / base.revenue - 1) * 100)} against the price now`);
  slider.setAttribute("aria-valuetext", `${formatWhole(point.price)} tokens: ${formatCount(point.enrollments)} enrollments, ${formatCount(point.revenue)} tokens of revenue expected`);
}

/** Says what the sliders stand at, of those too that an update has brought. */
export function tellWhatIfs(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-what-if]")) tell(element);
}

/** Sliders over prices: what each is expected to bring. One listener for all, since updates bring new ones. */
export function startWhatIf(): void {
  document.addEventListener("input", ({ target }) => {
    const element = target instanceof Element ? target.closest<HTMLElement>("[data-what-if]") : null;
    if (element !== null) tell(element);
  });
  tellWhatIfs();
}
