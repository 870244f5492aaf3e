import uPlot from "uplot";
import type { ChartSpec } from "../chart.ts";
import { formatQuantity, formatShortDay } from "../format.ts";

const FONT = "12px system-ui, sans-serif";
const AXIS_WIDTH = 52;

const drawn = new Map<HTMLElement, { readonly plot: uPlot; readonly observer: ResizeObserver }>();
const probe = document.createElement("span");
probe.hidden = true;

/** The colour that a token of the style sheet stands for at the moment: canvas knows no variables. */
function colour(token: string, opacity = 1): string {
  if (probe.parentNode === null) document.body.append(probe);
  probe.style.color = `var(--${token})`;
  const resolved = getComputedStyle(probe).color;
  const [r, g, b] = resolved.match(/[\d.]+/g) ?? ["0", "0", "0"];
  return `rgb(${r} ${g} ${b} / ${opacity})`;
}

function pathsOf(line: ChartSpec["series"][number]["line"]): uPlot.Series.PathBuilder | undefined {
  if (line === "dots") return () => null;
  return line === "step" || line === "dashed-step" ? uPlot.paths.stepped?.({ align: 1 }) : uPlot.paths.linear?.();
}

interface Columns {
  readonly data: uPlot.AlignedData;
  readonly series: uPlot.Series[];
  readonly bands: uPlot.Band[];
}

/** Columns in uPlot's order: a band is two series that draw nothing but what is between them. */
function columnsOf(spec: ChartSpec): Columns {
  const data: (number | null)[][] = [];
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const { values, band, line, colour: token } of spec.series) {
    if (band !== undefined) {
      data.push([...band.high], [...band.low]);
      const hidden: uPlot.Series = { width: 0, points: { show: false } };
      series.push(hidden, { ...hidden });
      bands.push({ series: [series.length - 2, series.length - 1], fill: colour(token, 0.16) });
    }
    data.push([...values]);
    const paths = pathsOf(line);
    series.push({
      stroke: colour(token),
      width: 2,
      ...(line === "dashed" || line === "dashed-step" ? { dash: [6, 4] } : {}),
      ...(paths === undefined ? {} : { paths }),
      points: line === "dots" ? { show: true, size: 4, fill: colour(token), stroke: colour(token) } : { show: false },
    });
  }
  return { data: [[...spec.x.values], ...data] as uPlot.AlignedData, series, bands };
}

function drawMarks(plot: uPlot, spec: ChartSpec): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { at, colour: token } of spec.marks ?? []) {
    const x = Math.round(plot.valToPos(at, "x", true));
    ctx.strokeStyle = colour(token);
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function drawSpans(plot: uPlot, { shade, spans = [] }: ChartSpec): void {
  const { ctx, bbox } = plot;
  for (const span of shade === undefined ? spans : [{ ...shade, colour: "teal" }, ...spans]) {
    const from = Math.max(bbox.left, plot.valToPos(span.from, "x", true));
    const to = Math.min(bbox.left + bbox.width, plot.valToPos(span.to, "x", true));
    if (to <= from) continue;
    ctx.save();
    ctx.fillStyle = colour(span.colour, 0.08);
    ctx.fillRect(from, bbox.top, to - from, bbox.height);
    ctx.restore();
  }
}

/** The values under the pointer, in words, below the chart. */
function tellPoint(element: HTMLElement, spec: ChartSpec, index: number | null | undefined): void {
  const readout = document.querySelector(`[data-readout="${element.id}"]`);
  if (readout === null) return;
  if (index === null || index === undefined) {
    readout.textContent = "";
    return;
  }
  const texts = spec.series.flatMap(({ label, values, band }) => {
    const value = values[index];
    if (value === null || value === undefined) return [];
    const around = band === undefined ? "" : ` (${formatQuantity(band.low[index] ?? 0, spec.y.quantity)} – ${formatQuantity(band.high[index] ?? 0, spec.y.quantity)})`;
    return [`${label}: ${formatQuantity(value, spec.y.quantity)}${around}`];
  });
  readout.textContent = `${formatQuantity(spec.x.values[index] ?? 0, spec.x.quantity)}${spec.x.quantity === "tokens" ? " tokens" : ""} · ${texts.join(" · ")}`;
}

function optionsOf(element: HTMLElement, spec: ChartSpec, { series, bands }: Columns): uPlot.Options {
  const axis: uPlot.Axis = { stroke: colour("muted"), font: FONT, labelFont: FONT, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  const dates = spec.x.quantity === "date";
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    series,
    bands,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
    scales: {
      x: { time: false },
      y: { range: (_plot, low, high) => uPlot.rangeNum(spec.y.from_zero ? 0 : low, high === low ? high + 1 : high, { min: { pad: 0.1, soft: 0, mode: spec.y.from_zero ? 1 : 0 }, max: { pad: 0.1, soft: 0, mode: 0 } }) },
    },
    axes: [
      { ...axis, grid: { show: false }, label: spec.x.label, labelSize: 18, size: 28, values: (_plot, splits) => splits.map((value) => (dates ? formatShortDay(value * 1_000) : formatQuantity(value, spec.x.quantity))), ...(dates ? { space: 70 } : {}) },
      { ...axis, size: AXIS_WIDTH, label: spec.y.label, labelSize: 16, values: (_plot, splits) => splits.map((value) => formatQuantity(value, spec.y.quantity)) },
    ],
    hooks: {
      drawClear: [(plot) => drawSpans(plot, spec)],
      draw: [(plot) => drawMarks(plot, spec)],
      setCursor: [(plot) => tellPoint(element, spec, plot.cursor.idx)],
    },
  };
}

/** Draws a chart into its place, or draws it anew. */
export function drawChart(element: HTMLElement): void {
  const text = element.dataset["chart"];
  if (text === undefined) return;
  const before = drawn.get(element);
  before?.observer.disconnect();
  before?.plot.destroy();
  const spec = JSON.parse(text) as ChartSpec;
  const columns = columnsOf(spec);
  const plot = new uPlot(optionsOf(element, spec, columns), columns.data, element);
  const observer = new ResizeObserver(() => {
    if (element.clientWidth > 0 && (plot.width !== element.clientWidth || plot.height !== element.clientHeight)) plot.setSize({ width: element.clientWidth, height: element.clientHeight });
  });
  observer.observe(element);
  drawn.set(element, { plot, observer });
  element.dataset["drawn"] = "";
}

/** With the colours of now. */
export function redrawCharts(): void {
  for (const [element, { plot, observer }] of drawn) {
    if (element.isConnected) {
      drawChart(element);
      continue;
    }
    observer.disconnect();
    plot.destroy();
    drawn.delete(element);
  }
}

/** Charts that can be seen at once; the others one by one, so that nothing waits for them. */
export function startCharts(): void {
  const [seen, unseen]: [HTMLElement[], HTMLElement[]] = [[], []];
  for (const element of document.querySelectorAll<HTMLElement>("[data-chart]")) (element.getBoundingClientRect().top < innerHeight ? seen : unseen).push(element);
  for (const element of seen) drawChart(element);
  const next = (): void => {
    const element = unseen.shift();
    if (element === undefined) return;
    if (element.isConnected && element.dataset["drawn"] === undefined) drawChart(element);
    setTimeout(next);
  };
  setTimeout(next);
}
