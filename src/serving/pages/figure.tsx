import type { Child } from "hono/jsx";
import type { ChartSpec } from "./chart.ts";
import { formatQuantity } from "./format.ts";

export interface FigureProps {
  /** Unique on the page: live updates find the chart by it. */
  readonly id: string;
  readonly title: string;
  /** What to look for, in one line. */
  readonly look?: Child;
  readonly chart: ChartSpec;
  readonly tall?: boolean;
}

/** Rows of a chart's table: of more, every n-th, and the last. */
const ROWS_MAX = 60;

/** A chart with title, units, legend and the same figures as a table. The script draws it; the place is kept meanwhile. */
export function Figure({ id, title, look, chart, tall = false }: FigureProps) {
  return (
    <figure class="figure">
      <figcaption id={`${id}-title`}>
        <strong>{title}</strong>
        {look !== undefined && <span class="look">{look}</span>}
      </figcaption>
      <Legend chart={chart} />
      <div class={tall ? "plot tall" : "plot"} id={id} role="img" aria-labelledby={`${id}-title`} data-chart={JSON.stringify(chart)} />
      <p class="readout" aria-hidden="true" data-readout={id}></p>
      <details>
        <summary>Figures</summary>
        <ChartTable title={title} chart={chart} />
      </details>
    </figure>
  );
}

/** One of each label. */
function once<Named extends { readonly label: string }>(all: readonly Named[] = []): readonly Named[] {
  return all.filter(({ label }, i) => all.findIndex((other) => other.label === label) === i);
}

function Legend({ chart }: { readonly chart: ChartSpec }) {
  return (
    <ul class="legend">
      {chart.series.map(({ label, line, colour, band }) => (
        <>
          <li>
            <span class={`swatch ${line} ${colour}`} aria-hidden="true"></span>
            {label}
          </li>
          {band !== undefined && (
            <li>
              <span class={`swatch band ${colour}`} aria-hidden="true"></span>
              {band.label}
            </li>
          )}
        </>
      ))}
      {once(chart.marks).map(({ label, colour }) => (
        <li>
          <span class={`swatch mark ${colour}`} aria-hidden="true"></span>
          {label}
        </li>
      ))}
      {once(chart.spans).map(({ label, colour }) => (
        <li>
          <span class={`swatch span ${colour}`} aria-hidden="true"></span>
          {label}
        </li>
      ))}
      {chart.shade !== undefined && (
        <li>
          <span class="swatch shade" aria-hidden="true"></span>
          {chart.shade.label}
        </li>
      )}
    </ul>
  );
}

function ChartTable({ title, chart: { x, y, series } }: { readonly title: string; readonly chart: ChartSpec }) {
  const every = Math.max(1, Math.ceil(x.values.length / ROWS_MAX));
  const rows = x.values.map((_, i) => i).filter((i) => i % every === 0 || i === x.values.length - 1);
  const figure = (value: number | null | undefined) => (value === null || value === undefined ? "–" : formatQuantity(value, y.quantity));
  return (
    <div class="scroll" tabindex={0} role="region" aria-label={`${title}: figures`}>
      <table>
        <thead>
          <tr>
            <th scope="col">{x.label}</th>
            {series.map(({ label, band }) => (
              <>
                <th scope="col" class="number">
                  {label}, {y.label}
                </th>
                {band !== undefined && (
                  <th scope="col" class="number">
                    {band.label}
                  </th>
                )}
              </>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((i) => (
            <tr>
              <th scope="row">{formatQuantity(x.values[i]!, x.quantity)}</th>
              {series.map(({ values, band }) => (
                <>
                  <td class="number">{figure(values[i])}</td>
                  {band !== undefined && (
                    <td class="number">
                      {figure(band.low[i])} – {figure(band.high[i])}
                    </td>
                  )}
                </>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
