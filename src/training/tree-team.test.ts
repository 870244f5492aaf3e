import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { Prng } from "../lib/prng.ts";
import { boostingDefaults, fitBoosting, type CountRows } from "../models/boosting.ts";
import { ThreadTeam } from "./tree-team.ts";

const teams: ThreadTeam[] = [];
afterEach(() => Promise.all(teams.splice(0).map((team) => team.close())));

function team(shares: number): ThreadTeam {
  const made = new ThreadTeam(shares);
  teams.push(made);
  return made;
}

test("threads that share the columns grow the trees that one alone grows, categories included", () => {
  expect(existsSync(fileURLToPath(new URL("../../dist/src/training/tree-thread.js", import.meta.url))), "run the build first").toBe(true);
  const random = new Prng("team");
  const rows = 4_000;
  const columns = 13;
  const values = Float64Array.from({ length: rows * columns }, (_, i) => (i % columns === 12 ? random.integer(20) : random.normal()));
  const y = Float64Array.from({ length: rows }, (_, row) => random.poisson(Math.exp(0.5 * values[row * columns]! - 0.5 * values[row * columns + 9]! + (values[row * columns + 12]! % 3))));
  const data: CountRows = { values, columns, y, exposure: new Float64Array(rows).fill(1), train_rows: 3_000, rows };
  const options = { ...boostingDefaults, decreasing_columns: 0, categorical_columns: [12], trees_max: 15, seed: 5 };
  const alone = fitBoosting(data, options).model;
  expect(alone.category_sets).toBeDefined();
  for (const shares of [1, 2, 3]) expect(fitBoosting(data, options, team(shares)).model).toEqual(alone);
});
