import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { type ElasticityReport, elasticityReportSchema, type ReportedEstimate, type ReportedHierarchy } from "../contracts/elasticity-report.ts";
import { openTableWriter } from "../ingest/export/table-writer.ts";
import { Prng } from "../lib/prng.ts";
import { leastSquares } from "../models/econometrics/least-squares.ts";
import { reference, referenceSample } from "../models/econometrics/testing/reference-sample.ts";
import { twoStage } from "../models/econometrics/two-stage.ts";
import { commands } from "./commands.ts";
import { runProgram } from "./program.ts";

const MAIN = join(import.meta.dirname, "../../dist/src/main.js");
const directory = mkdtempSync(join(tmpdir(), "tidemark-elasticity-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function csv(text: string): string {
  const path = join(directory, `${files++}.csv`);
  writeFileSync(path, text);
  return path;
}

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The program as it is, in this process. */
async function run(...args: string[]): Promise<Run> {
  let out = "";
  let err = "";
  const log = vi.spyOn(console, "log").mockImplementation((text: string) => {
    out += `${text}\n`;
  });
  const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    err += String(text);
    return true;
  });
  try {
    return { code: await runProgram(commands, "0", ["elasticity", ...args], {}), out, err };
  } finally {
    log.mockRestore();
    write.mockRestore();
  }
}

async function report(...args: string[]): Promise<ElasticityReport> {
  const { code, out, err } = await run(...args, "--json");
  if (code !== 0) throw new Error(err);
  return elasticityReportSchema.parse(JSON.parse(out));
}

async function estimate(...args: string[]): Promise<ReportedEstimate> {
  const { result } = await report(...args);
  if (!result.identified || "groups" in result) throw new Error(JSON.stringify(result));
  return result;
}

const names = ["course", "week", "x1", "x2", "z1", "z2", "z3", "price", "quantity", "exposure", "count", "weights"];
const rows = reference.data["price"]!.map((_, i) => names.map((name) => (name === "course" ? `C${reference.data[name]![i]}` : String(reference.data[name]![i]))));
/** The reference's data as a file. */
const data = csv([names, ...rows].map((row) => row.join(",")).join("\n"));
const table = ["--data", data, "--quantity", "quantity", "--price", "price", "--controls", "x1,x2"];

/** A panel with random prices: logs with an elasticity of −1.4 and effects of courses and weeks. */
function panel(seed: string, { courses = 30, weeks = 12 } = {}): { text: string; rows: string[][] } {
  const random = new Prng(seed);
  const week = Array.from({ length: weeks }, () => 0.4 * random.normal());
  const lines: string[][] = [];
  for (let c = 0; c < courses; c++) {
    const quality = random.normal();
    for (let t = 0; t < weeks; t++) {
      const price = 3 + 0.5 * quality + 0.2 * week[t]! + 0.2 * random.normal();
      const quantity = 6 - 1.4 * price + quality + week[t]! + 0.2 * random.normal();
      lines.push([`C${c}`, `2026-${String(t + 1).padStart(2, "0")}-01`, String(t), Math.exp(quantity).toFixed(6), Math.exp(price).toFixed(6), ["DE", "FR", "IT"][c % 3]!]);
    }
  }
  return { rows: lines, text: [["course", "day", "t", "sold", "price", "country"], ...lines].map((line) => line.join(",")).join("\n") };
}

describe("tidemark elasticity", () => {
  test("in levels: the estimators' own numbers, and the elasticity at the means with their errors", async () => {
    const result = await estimate(...table, "--levels", "--fixed-effects", "course,week", "--cluster", "course");
    const fit = leastSquares(referenceSample({ fixed_effects: ["course", "week"], clusters: ["course"] }));
    if (!fit.identified) throw new Error(fit.detail);
    expect(result.coefficients.map(({ name }) => name)).toEqual(["price", "x1", "x2"]);
    for (const [i, { estimate: own, se }] of fit.coefficients.entries()) {
      expect(result.coefficients[i]!.estimate).toBeCloseTo(own, 9);
      expect(result.coefficients[i]!.se).toBeCloseTo(se, 9);
    }
    const mean = (name: string): number => reference.data[name]!.reduce((sum, own) => sum + own, 0) / rows.length;
    const factor = mean("price") / mean("quantity");
    expect(result.elasticity.value).toBeCloseTo(factor * fit.treatment.estimate, 9);
    expect(result.elasticity.se).toBeCloseTo(factor * fit.treatment.se, 9);
    expect(result.absorbed).toMatchObject([{ name: "course", levels: 24, nested: true }, { name: "week", levels: 12, redundant: 1, nested: false }]);
  });

  test("instruments: F, Anderson–Rubin and J, robust as asked", async () => {
    const result = await estimate(...table, "--levels", "--instruments", "z1,z2,z3", "--errors", "HC0");
    const fit = twoStage(referenceSample({ instruments: ["z1", "z2", "z3"] }), { errors: "HC0" });
    if (!fit.identified) throw new Error(fit.detail);
    expect(result.coefficients[0]!.se).toBeCloseTo(fit.treatment.se, 9);
    expect(result.first_stage!.f_effective).toBeCloseTo(fit.first_stage.f_effective, 6);
    expect(result.over_identification!.j).toBeCloseTo(reference.hansen.robust, 6);
    expect(result.anderson_rubin!.set.shape).toBe("interval");
    expect(result.elasticity.ci95_source).toBe("t");
  });

  test("counts with an exposure, weights, two clusters", async () => {
    const { names: order, estimates } = reference.poisson["course"]!;
    for (const more of [["--method", "poisson"], ["--counts", "--method", "poisson", "--weights", "weights"]]) {
      const result = await estimate("--data", data, "--quantity", "count", "--price", "price", "--controls", "x1,x2", "--exposure", "exposure", "--levels", "--cluster", "course", ...more);
      const expected = more.includes("--weights") ? reference.poisson_weighted["course"]!.estimates : estimates;
      expect(result.coefficients[0]!.estimate).toBeCloseTo(expected[order.indexOf("price")]!, 8);
      expect(result.df).toBeNull();
      expect(result.dispersion).toBeGreaterThan(1);
    }
    const two = await estimate(...table, "--levels", "--cluster", "course,week");
    expect(two.coefficients[0]!.se).toBeCloseTo(Math.sqrt(reference.ols["two_way"]!.covariance[0]![0]!), 9);
  });

  test("logs find the elasticity, the table says it, and the same run says the same", async () => {
    const path = csv(panel("logs").text);
    const args = ["--data", path, "--quantity", "sold", "--price", "price", "--fixed-effects", "course,day", "--cluster", "course"];
    const { code, out, err } = await run(...args);
    expect(code).toBe(0);
    expect(out).toMatch(/^sold on price in logs: least squares\nelasticity -1\.[34]\d*, elastic; 95 %: -1\.\d+ to -1\.\d+\n/);
    expect(out).toMatch(/\nlog price +-1\./);
    expect(out).toContain("rows             360 of 360");
    expect(out).toContain("errors clustered by course (30); t with 29 degrees of freedom");
    expect(err).toContain("✓ elasticity 360 rows");
    expect((await run(...args)).out).toBe(out);
  });

  test("texts among controls become columns, numbers that are labels too, and labels serve as fixed effects", async () => {
    const path = csv(panel("labels").text);
    const args = ["--data", path, "--quantity", "sold", "--price", "price", "--cluster", "course"];
    const country = await estimate(...args, "--controls", "country,t");
    expect(country.coefficients.map(({ name }) => name)).toEqual(["log price", "country=FR", "country=IT", "t", "(constant)"]);
    const week = await estimate(...args, "--controls", "country,t", "--categorical", "t");
    expect(week.coefficients).toHaveLength(1 + 2 + 11 + 1);
    const absorbed = await estimate(...args, "--fixed-effects", "country,t");
    expect(absorbed.coefficients[0]!.estimate).toBeCloseTo(week.coefficients[0]!.estimate, 9);
    const codes = csv(`${panel("labels").text}\n`.replaceAll(/C(\d+)/g, "$1"));
    expect((await estimate("--data", codes, ...args.slice(2), "--fixed-effects", "course")).absorbed[0]!.levels).toBe(30);
  });

  test("a panel: one row a time, errors by unit, first differences are fixed effects where there are two times", async () => {
    const two = panel("two", { courses: 60, weeks: 2 });
    const args = ["--quantity", "sold", "--price", "price", "--panel-time", "day"];
    const effects = await report("--data", csv(two.text), ...args, "--fixed-effects", "course,day");
    expect(effects.specification).toMatchObject({ clusters: ["course"], errors: "clustered" });
    const shuffled = csv([two.text.split("\n")[0]!, ...two.rows.toReversed().map((row) => row.join(","))].join("\n"));
    const differences = await report("--data", shuffled, ...args, "--cluster", "course", "--first-differences");
    expect(differences.rows).toMatchObject({ read: 120, used: 60, without_previous: 60 });
    expect((differences.result as ReportedEstimate).coefficients[0]!.estimate).toBeCloseTo((effects.result as ReportedEstimate).coefficients[0]!.estimate, 9);

    const twice = csv(`${two.text}\n${two.rows[3]!.join(",")}\n`);
    expect((await run("--data", twice, ...args, "--cluster", "course")).err).toContain('course "C1", row 121, has two rows of one day');
    const odd = csv(two.text.replaceAll("2026-01-01", "W1"));
    expect((await run("--data", odd, ...args, "--cluster", "course")).err).toContain('--panel-time day holds "W1"');
  });

  test("by group, shrunk: every group has an answer, and says where it comes from", async () => {
    const frozen = panel("groups").rows.map((row) => (row[0] === "C7" ? row.with(4, "20") : row));
    const path = csv([["course", "day", "t", "sold", "price", "country"], ...frozen].map((row) => row.join(",")).join("\n"));
    const { result, notes } = await report("--data", path, "--quantity", "sold", "--price", "price", "--controls", "t", "--group", "course");
    const { mean, groups } = result as ReportedHierarchy;
    expect(groups.map(({ group }) => group)).toEqual(frozen.map(([course]) => course!).filter((course, i, all) => all.indexOf(course) === i).toSorted());
    const silent = groups.find(({ group }) => group === "C7")!;
    expect(silent).toMatchObject({ own: { identified: false, reason: "no_variation" }, elasticity: { value: mean.value }, share: 1 });
    expect(silent.elasticity.se).toBeGreaterThan(mean.se!);
    expect(notes).toEqual([expect.stringContaining("1 of 30 groups have no estimate")]);
    const { out } = await run("--data", path, "--quantity", "sold", "--price", "price", "--controls", "t", "--group", "course");
    expect(out).toMatch(/\nC7 +12 +– +no_variation/);
  });

  test("double machine learning: seeded, with what was learned and how the effect differs", async () => {
    const args = ["--data", csv(panel("double", { courses: 60, weeks: 8 }).text), "--quantity", "sold", "--price", "price", "--controls", "t,country", "--fixed-effects", "course,day", "--cluster", "course", "--method", "dml", "--learner", "ridge"];
    const first = await report(...args, "--repeats", "3", "--seed", "4", "--heterogeneity", "t");
    const result = first.result as ReportedEstimate;
    expect(result.elasticity.value).toBeCloseTo(-1.4, 0);
    expect(result.draws).toHaveLength(3);
    expect(result.nuisances.map(({ name }) => name)).toEqual(["log sold", "log price"]);
    expect(first.heterogeneity!.slopes.map(({ name }) => name)).toEqual(["t"]);
    expect((await report(...args, "--repeats", "3", "--seed", "4", "--heterogeneity", "t"))).toEqual(first);
    expect(((await report(...args, "--repeats", "3", "--seed", "5")).result as ReportedEstimate).draws).not.toEqual(result.draws);
  });

  test("not identified is an answer: the reason, and exit code 0", async () => {
    const still = csv(panel("still").rows.map((row) => row.with(4, row[0]!.slice(1) + 1)).reduce((text, row) => `${text}\n${row.join(",")}`, "course,day,t,sold,price,country"));
    const args = ["--data", still, "--quantity", "sold", "--price", "price", "--cluster", "course"];
    const { code, out } = await run(...args, "--fixed-effects", "course");
    expect(code).toBe(0);
    expect(out).toContain("not identified (no_variation): log price does not vary within course");
    expect((await report(...args, "--fixed-effects", "course")).result).toMatchObject({ identified: false, reason: "no_variation" });
    const weak = await report(...table.slice(0, 6), "--levels", "--instruments", "weights");
    expect(weak.result).toMatchObject({ identified: false, reason: "weak_instruments", detail: expect.stringContaining("whole line") });
  });

  test("rows that cannot be used are refused by column, row and number, or left out and counted", async () => {
    const path = csv("q,p,c\n5,2,a\n0,3,a\n4,,b\n3,4,b\n,5,b\n2,-1,\n2,6,c\n1,7,c\n");
    const args = ["--data", path, "--quantity", "q", "--price", "p"];
    const first = await run(...args);
    expect(first.code).toBe(2);
    expect(first.err).toContain("row 2: q is 0, which has no logarithm (and 1 more)\n  use --method poisson if it is a count, or --levels, or leave such rows out with --drop-invalid");
    expect((await run(...args, "--levels")).err).toContain("row 5: q is missing\n  fill it in, or leave such rows out with --drop-invalid");
    expect((await run(...args, "--levels", "--controls", "c", "--drop-invalid")).code).toBe(0);
    expect((await report(...args, "--drop-invalid")).rows).toMatchObject({ read: 8, missing: 2, not_positive: 2, used: 4 });
    expect((await run("--data", csv("q,p\n,1\n2,\n"), "--quantity", "q", "--price", "p", "--drop-invalid")).err).toContain("nothing is left");
    expect((await run("--data", csv("q,p\n1,2\n1e308,3\n3,4\n5,5\n"), "--quantity", "q", "--price", "p", "--levels")).err).toContain("row 2: q is 1e+308; allowed: numbers up to 1e100");
    expect((await run("--data", csv("q,p\n-1,2\n1,3\n3,4\n5,5\n"), "--quantity", "q", "--price", "p", "--method", "poisson")).err).toContain("row 1: q is -1; allowed: counts");
    expect((await run("--data", csv("q,p\n-1,2\n-1,3\n-3,5\n-5,5\n"), "--quantity", "q", "--price", "p", "--levels")).err).toContain("an elasticity at the mean needs it above 0");
    const many = csv(`q,p,id\n${Array.from({ length: 300 }, (_, i) => `${i + 1},${(i % 7) + 1},u${i}`).join("\n")}`);
    expect((await run("--data", many, "--quantity", "q", "--price", "p", "--controls", "id")).err).toContain('the control id has 300 different values, such as "u0" and "u1"\n  allowed: 100; name it in --fixed-effects');
  });

  test("Parquet gives what CSV gives", async () => {
    const path = join(directory, "panel.parquet");
    const writer = openTableWriter("parquet", path, "panel", [{ name: "course", type: "string" }, { name: "day", type: "string" }, { name: "t", type: "integer" }, { name: "sold", type: "double" }, { name: "price", type: "double" }, { name: "country", type: "string" }]);
    const { text, rows: lines } = panel("parquet");
    writer.write(lines.map(([course, day, t, sold, price, country]) => [course!, day!, Number(t), Number(sold), Number(price), country!]));
    await writer.close();
    const args = ["--quantity", "sold", "--price", "price", "--controls", "t,country", "--fixed-effects", "course", "--cluster", "course"];
    expect(await estimate("--data", path, ...args)).toEqual(await estimate("--data", csv(text), ...args));
  });

  test("--out writes the report once it is whole, and replaces nothing unless told to", async () => {
    const out = join(directory, "report.json");
    expect((await run(...table, "--levels", "--out", out)).code).toBe(0);
    const written = elasticityReportSchema.parse(JSON.parse(readFileSync(out, "utf8")));
    expect(written).toEqual(await report(...table, "--levels"));
    const again = await run(...table, "--levels", "--out", out);
    expect(again.code).toBe(2);
    expect(again.err).toContain("--force");
    expect((await run(...table, "--levels", "--instruments", "z1", "--out", out, "--force")).code).toBe(0);
    expect(elasticityReportSchema.parse(JSON.parse(readFileSync(out, "utf8"))).specification.method).toBe("2sls");
    expect(readdirSync(directory).filter((name) => name.startsWith("."))).toEqual([]);
    expect((await run(...table, "--levels", "--out", join(directory, "none/report.json"))).err).toContain("no directory");
    expect(existsSync(join(directory, "none"))).toBe(false);
  });

  const misuse: readonly (readonly [args: readonly string[], says: string])[] = [
    [[], "--quantity is missing"],
    [["--quantity", "quantity"], "--price is missing"],
    [["--quantity", "quantity", "--price", "cost"], 'no column "cost"'],
    [["--quantity", "quantity", "--price", "price", "--method", "gmm"], '--method is "gmm"\n  allowed: one of ols, 2sls, dml, poisson, hierarchical'],
    [["--quantity", "quantity", "--price", "price", "--method", "2sls"], "2sls needs --instruments"],
    [["--quantity", "quantity", "--price", "price", "--method", "ols", "--instruments", "z1"], "--instruments are of --method 2sls and dml"],
    [["--quantity", "quantity", "--price", "price", "--method", "dml"], "needs --controls"],
    [["--quantity", "quantity", "--price", "price", "--method", "hierarchical"], "needs --group"],
    [["--quantity", "quantity", "--price", "price", "--method", "ols", "--group", "course"], "--group is of --method hierarchical"],
    [["--quantity", "quantity", "--price", "price", "--levels", "--logs"], "not both"],
    [["--quantity", "quantity", "--price", "price", "--exposure", "exposure"], "of --method poisson"],
    [["--quantity", "quantity", "--price", "price", "--repeats", "3"], "--repeats is of --method dml"],
    [["--quantity", "quantity", "--price", "price", "--method", "dml", "--controls", "x1", "--folds", "1"], "--folds is 1"],
    [["--quantity", "quantity", "--price", "price", "--method", "dml", "--controls", "x1", "--folds", "x"], '--folds is "x"'],
    [["--quantity", "quantity", "--price", "price", "--cluster", "course", "--errors", "HC1"], "exclude each other"],
    [["--quantity", "quantity", "--price", "price", "--errors", "clustered"], "needs --cluster"],
    [["--quantity", "quantity", "--price", "price", "--cluster", "course,week,x1"], "two columns at most"],
    [["--quantity", "quantity", "--price", "price", "--first-differences"], "needs --panel-time"],
    [["--quantity", "quantity", "--price", "price", "--panel-time", "week"], "what is followed over time"],
    [["--quantity", "quantity", "--price", "price", "--controls", "x1,x1"], "names x1 twice"],
    [["--quantity", "quantity", "--price", "price", "--categorical", "x1"], "not among --controls"],
    [["--quantity", "quantity", "--price", "price", "--seed", "-1"], '--seed is "-1"'],
  ];
  test.each(misuse)("%j ends with 2 and says why", async (args, says) => {
    const { code, err, out } = await run("--data", data, ...args);
    expect(code).toBe(2);
    expect(err).toContain(says);
    expect(out).toBe("");
  });

  test("as a process: JSON on standard output alone, errors without a stack", async () => {
    const spawn = (args: readonly string[]): Promise<Run> =>
      new Promise((resolve) => {
        const child = execFile(process.execPath, [MAIN, "elasticity", ...args], { env: { PATH: process.env["PATH"] } }, (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }));
      });
    const [good, bad] = await Promise.all([spawn([...table, "--levels", "--json"]), spawn(["--data", join(directory, "absent.csv"), "--quantity", "q", "--price", "p"])]);
    expect(good.code).toBe(0);
    expect(elasticityReportSchema.parse(JSON.parse(good.out)).result.identified).toBe(true);
    expect(bad.code).toBe(2);
    expect(bad.out).toBe("");
    expect(bad.err).toContain("absent.csv cannot be read");
    expect(bad.err).not.toMatch(/\n\s+at /);
  });
});
