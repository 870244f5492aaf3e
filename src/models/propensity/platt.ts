import { logistic, softplus } from "./hazard.ts";

const STEPS_MAX = 50;
const HALVINGS_MAX = 30;
/** Keeps two parameters finite where the margins part the labels: a tenth of an observation's worth at a unit of slope. */
const RIDGE = 0.1;

export interface Platt {
  readonly slope: number;
  readonly intercept: number;
}

/** Logistic regression of labels on one margin by damped Newton steps (Platt 1999); where nothing is known, σ(margin). */
export function fitPlatt(margins: Float64Array, y: ArrayLike<number>): Platt {
  const objective = (slope: number, intercept: number): number => {
    let sum = (RIDGE / 2) * (slope - 1) ** 2 + (RIDGE / 2) * intercept ** 2;
    for (let i = 0; i < margins.length; i++) {
      const m = slope * margins[i]! + intercept;
      sum += softplus(m) - (y[i] === 1 ? m : 0);
    }
    return sum;
  };
  let slope = 1;
  let intercept = 0;
  let current = objective(slope, intercept);
  for (let step = 0; step < STEPS_MAX; step++) {
    let gs = RIDGE * (slope - 1);
    let gi = RIDGE * intercept;
    let hss = RIDGE;
    let hsi = 0;
    let hii = RIDGE;
    for (let i = 0; i < margins.length; i++) {
      const x = margins[i]!;
      const p = logistic(slope * x + intercept);
      const w = p * (1 - p);
      gs += (p - y[i]!) * x;
      gi += p - y[i]!;
      hss += w * x * x;
      hsi += w * x;
      hii += w;
    }
    const determinant = hss * hii - hsi * hsi;
    if (!(determinant > 0)) break;
    const ds = (gi * hsi - gs * hii) / determinant;
    const di = (gs * hsi - gi * hss) / determinant;
    let scale = 1;
    let next = Number.POSITIVE_INFINITY;
    for (let halving = 0; halving < HALVINGS_MAX; halving++, scale /= 2) {
      next = objective(slope + scale * ds, intercept + scale * di);
      if (next <= current) break;
    }
    if (!(next <= current)) break;
    slope += scale * ds;
    intercept += scale * di;
    const fell = current - next;
    current = next;
    if (fell < 1e-10 * (1 + current)) break;
  }
  return { slope, intercept };
}
