/** What a chart draws, as the server writes it and the browser's script reads it. */

/** Colours that the colour-blind tell apart; line styles say the same again. */
export type ChartColour = "teal" | "orange" | "indigo" | "grey";

/** How figures of a quantity are written. */
export type Quantity = "tokens" | "count" | "share" | "number" | "date" | "time";

export interface ChartAxis {
  readonly label: string;
  readonly quantity: Quantity;
}

export interface ChartSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
  readonly line: "solid" | "dashed" | "step" | "dashed-step" | "dots";
  readonly colour: ChartColour;
  /** Filled behind the line. */
  readonly band?: { readonly label: string; readonly low: readonly number[]; readonly high: readonly number[] };
}

/** A vertical line. */
export interface ChartMark {
  readonly at: number;
  readonly label: string;
  readonly colour: ChartColour;
}

/** A part of x in which something held. */
export interface ChartSpan {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly colour: ChartColour;
}

export interface ChartSpec {
  readonly x: ChartAxis & { /** Ascending; dates and times in seconds since the epoch, UTC. */ readonly values: readonly number[] };
  readonly y: ChartAxis & { /** Whether the axis begins at zero whatever the values. */ readonly from_zero: boolean };
  readonly series: readonly ChartSeries[];
  /** Those of one label stand in the legend once. */
  readonly marks?: readonly ChartMark[];
  /** The same. */
  readonly spans?: readonly ChartSpan[];
  /** Part of x that the data support. */
  readonly shade?: { readonly from: number; readonly to: number; readonly label: string };
}
