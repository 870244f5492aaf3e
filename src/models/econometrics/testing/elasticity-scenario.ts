import { Prng } from "../../../lib/prng.ts";

/** Daily sales of courses whose price setter chases quality, season and a hidden shock, with a random, logged part v in the log of the price. */
export interface Scenario {
  readonly rows: number;
  readonly course: Int32Array;
  readonly day: Int32Array;
  readonly sales: Float64Array;
  readonly log_price: Float64Array;
  readonly jitter: Float64Array;
  /** Mean of the courses' true elasticities. */
  readonly elasticity: number;
}

/** The elasticity scenario of the science notes: `base` sets the level of sales, `sigma` the spread of the jitter. */
export function elasticityScenario(seed: string, { courses = 120, days = 120, base = 2, sigma = 0.1 } = {}): Scenario {
  const random = new Prng(seed);
  const rows = courses * days;
  const column = (): Float64Array => new Float64Array(rows);
  const out = { rows, course: new Int32Array(rows), day: new Int32Array(rows), sales: column(), log_price: column(), jitter: column() };
  const categories = Array.from({ length: 8 }, () => -2.2 + 1.4 * random.uniform());
  let sum = 0;
  for (let c = 0; c < courses; c++) {
    const e = categories[c % 8]! + 0.3 * random.normal();
    sum += e;
    const a = Math.log(base) + 0.6 * random.normal();
    let shock = (0.15 / Math.sqrt(1 - 0.81)) * random.normal();
    for (let t = 0; t < days; t++) {
      const i = c * days + t;
      const season = 0.3 * Math.sin((2 * Math.PI * t) / 30);
      shock = 0.9 * shock + 0.15 * random.normal();
      out.course[i] = c;
      out.day[i] = t;
      out.jitter[i] = sigma * random.normal();
      out.log_price[i] = 0.4 * a + 0.5 * (shock + season) + out.jitter[i]!;
      out.sales[i] = random.poisson(Math.exp(a + season + shock + e * out.log_price[i]!) * random.gamma(5, 0.2));
    }
  }
  return { ...out, elasticity: sum / courses };
}
