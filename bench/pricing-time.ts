import { must } from "../src/lib/assert.ts";
import { defaultPolicy } from "../src/contracts/policy.ts";
import { goalOf } from "../src/pricing/objective.ts";
import { optimise } from "../src/pricing/optimizer.ts";
import { priceCourse } from "../src/pricing/price-course.ts";
import { testInputs, testModel } from "../src/pricing/testing.ts";

const COURSES = 200;
/** So short that most rounds are not interrupted. */
const CALLS = 20;
const ROUNDS = 6_000;
const CELLS = 12;

export interface OptimiseTime {
  /** Fastest tenth of rounds, µs a call: the whole price of a course, its posterior included, and of that the search of the grid. */
  readonly price_us: number;
  readonly optimise_us: number;
  /** Bytes of heap that one search of the grid takes: its answer. */
  readonly optimise_bytes: number;
}

/** The fastest tenth ends there: what neighbours on the machine take is not the code's. */
function fastestTenth(values: number[]): number {
  return must(values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)], "a round");
}

/** One core, warm: courses with a dozen price cells each, a grid of 64 prices, the default policy. */
export function timeOptimise(): OptimiseTime {
  const model = testModel();
  const courses = Array.from({ length: COURSES }, (_, i) => {
    const cells = Float64Array.from(Array.from({ length: CELLS }, (_cell, k) => [-0.5 + k * 0.08, 20 + ((i * 7 + k * 13) % 50), 1 + ((i + k) % 6)]).flat());
    const inputs = testInputs({ cells, current_price: 90 + (i % 40) * 5 });
    return { ...inputs, features: Float64Array.from(inputs.features) };
  });
  const goal = goalOf("revenue", 0, defaultPolicy);
  const priced = courses.map((inputs) => priceCourse(inputs, model, defaultPolicy));
  const search = (i: number): number => optimise(priced[i]!.posterior.nodes, courses[i]!.current_price, priced[i]!.supported, goal, defaultPolicy).price;
  const price = (i: number): number => priceCourse(courses[i]!, model, defaultPolicy).optimal_price;
  const time = (call: (i: number) => number): number => {
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const from = process.hrtime.bigint();
      for (let i = 0; i < CALLS; i++) call((round * CALLS + i) % COURSES);
      rounds.push(Number(process.hrtime.bigint() - from) / 1_000 / CALLS);
    }
    return fastestTenth(rounds.slice(ROUNDS / 2));
  };
  const price_us = time(price);
  const optimise_us = time(search);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < COURSES; i++) search(i);
  return { price_us, optimise_us, optimise_bytes: Math.max(0, process.memoryUsage().heapUsed - before) / COURSES };
}
