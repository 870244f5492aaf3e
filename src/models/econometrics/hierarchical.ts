import { type Estimate, shrink } from "../shrinkage.ts";
import { type Coefficient, type NotIdentified, notIdentified } from "./estimate.ts";
import { type Factor, type Sample, takeRows } from "./sample.ts";

/** An effect on the scale that groups are compared on: an elasticity. */
export interface GroupEffect {
  readonly identified: true;
  readonly treatment: Coefficient;
  readonly rows: number;
}

export interface ShrunkGroup {
  readonly group: string;
  readonly rows: number;
  /** The group's own estimate, or why it has none. */
  readonly own: Coefficient | NotIdentified;
  /** What is believed of the group given all of them; of a group without an estimate the common mean, with the spread between groups in its error. */
  readonly value: number;
  readonly se: number;
  /** Weight of the common mean in it. */
  readonly share: number;
}

export interface HierarchicalFit {
  readonly identified: true;
  readonly mean: { readonly value: number; readonly se: number };
  /** Standard deviation of the groups' true effects around the mean. */
  readonly tau: number;
  readonly groups: readonly ShrunkGroup[];
}

function rowsByLevel({ codes, levels }: Factor): Int32Array[] {
  const counts = new Int32Array(levels);
  for (const code of codes) counts[code]!++;
  const rows = Array.from(counts, (count) => new Int32Array(count));
  counts.fill(0);
  for (let i = 0; i < codes.length; i++) rows[codes[i]!]![counts[codes[i]!]!++] = i;
  return rows;
}

/** Estimates each group by itself and shrinks the estimates towards their common mean (shrinkage.ts). `names` are of the levels. */
export function hierarchical(sample: Sample, factor: Factor, names: readonly string[], estimate: (group: Sample) => GroupEffect | NotIdentified): HierarchicalFit | NotIdentified {
  const found = rowsByLevel(factor).map((rows, level) => ({ group: names[level]!, rows: rows.length, own: estimate(takeRows(sample, rows)) }));
  const usable = (own: GroupEffect | NotIdentified): own is GroupEffect => own.identified && Number.isFinite(own.treatment.estimate) && own.treatment.se > 0;
  const estimates: Estimate[] = found.flatMap(({ own }) => (usable(own) ? [{ value: own.treatment.estimate, variance: own.treatment.se ** 2 }] : []));
  if (estimates.length === 0) {
    const first = found.find(({ own }) => !own.identified);
    return notIdentified("no_variation", `no ${factor.name} has an estimate of its own${first === undefined || first.own.identified ? "" : `; ${first.group}: ${first.own.detail}`}`);
  }
  const { mean, tau, groups } = shrink(estimates);
  let next = 0;
  return {
    identified: true,
    mean: { value: mean.value, se: Math.sqrt(mean.variance) },
    tau,
    groups: found.map(({ group, rows, own }) => {
      if (!usable(own)) {
        const reason = own.identified ? notIdentified("no_degrees_of_freedom", "the fit is exact: its error cannot be had") : own;
        return { group, rows, own: reason, value: mean.value, se: Math.sqrt(mean.variance + tau * tau), share: 1 };
      }
      const shrunk = groups[next++]!;
      return { group, rows, own: own.treatment, value: shrunk.value, se: Math.sqrt(shrunk.variance), share: shrunk.share };
    }),
  };
}
