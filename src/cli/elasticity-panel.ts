import { TidemarkError } from "../lib/errors.ts";
import { type Factor, type NumberColumn, type Sample, takeRows } from "../models/econometrics/sample.ts";

/** Texts that sort as the times that they stand for. */
const dateText = /^\d{4}-(?:\d{2}(?:-\d{2}.*)?|W\d{2}|Q\d)$/;

/** Times that can be compared, out of labels such as 2026-01-31. Throws TidemarkError `bad_time`. */
export function timesOf(name: string, codes: Int32Array, labels: readonly string[]): Float64Array {
  const other = labels.find((label) => !dateText.test(label));
  if (other !== undefined) throw new TidemarkError("bad_time", `--panel-time ${name} holds ${JSON.stringify(other)}\n  allowed: numbers, or dates such as 2026-01-31, 2026-01, 2026-W05 and 2026-Q1, all alike`);
  const lengths = new Set(labels.map((label) => label.slice(0, 10).length + (/[WQ]/.exec(label)?.index ?? 0)));
  if (lengths.size > 1) throw new TidemarkError("bad_time", `--panel-time ${name} mixes kinds of dates, such as ${labels.slice(0, 2).join(" and ")}`);
  const rank = new Map(labels.toSorted().map((label, i) => [label, i]));
  return Float64Array.from(codes, (code) => rank.get(labels[code]!)!);
}

/** Rows by unit, and within it by time. Throws TidemarkError `repeated_time` where a unit has two rows of one time. */
export function panelOrder(unit: Factor, times: Float64Array, time_name: string, describe: (row: number) => string): Int32Array {
  const order = Int32Array.from({ length: times.length }, (_, i) => i).sort((a, b) => unit.codes[a]! - unit.codes[b]! || times[a]! - times[b]!);
  for (let i = 1; i < order.length; i++) {
    const [before, own] = [order[i - 1]!, order[i]!];
    if (unit.codes[before] !== unit.codes[own] || times[before] !== times[own]) continue;
    throw new TidemarkError("repeated_time", `${describe(own)} has two rows of one ${time_name}\n  allowed: one row a ${unit.name} and ${time_name}; add them up, or name what tells them apart as the unit`);
  }
  return order;
}

/**
 * Each row less the row of its unit before it, whatever time lies between: constants of units drop out without being estimated. Labels and weights are the
 * later row's, whose places come with it; the unit itself is no fixed effect any more.
 */
export function firstDifferences(sample: Sample, unit: Factor, order: Int32Array): { readonly sample: Sample; readonly places: Int32Array } {
  const pairs = Array.from(order.keys()).filter((i) => i > 0 && unit.codes[order[i - 1]!] === unit.codes[order[i]!]);
  if (pairs.length === 0) throw new TidemarkError("no_rows", `no ${unit.name} has two rows: there are no differences`);
  const places = Int32Array.from(pairs, (i) => order[i]!);
  const later = takeRows(sample, places);
  const earlier = Int32Array.from(pairs, (i) => order[i - 1]!);
  const difference = (own: NumberColumn, all: NumberColumn): NumberColumn => ({ name: own.name, values: own.values.map((value, i) => value - all.values[earlier[i]!]!) });
  return {
    places,
    sample: {
      ...later,
      outcome: difference(later.outcome, sample.outcome),
      treatment: difference(later.treatment, sample.treatment),
      controls: later.controls.map((own, i) => difference(own, sample.controls[i]!)),
      instruments: later.instruments.map((own, i) => difference(own, sample.instruments[i]!)),
      fixed_effects: later.fixed_effects.filter(({ name }) => name !== unit.name),
    },
  };
}
