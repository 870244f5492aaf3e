import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stageNames, trainingReportSchema, type TrainingReport } from "../../contracts/training-run.ts";
import { markupFaults } from "./markup-check.ts";
import { renderReport } from "./render-report.ts";
import { styleSheet } from "./style-sheet.ts";
import { failedReport, sampleReport } from "./testing.ts";

const hostile = [
  "<script>alert(1)</script>",
  "\"><img src=x onerror=alert(1)>",
  "' onload='alert(1)",
  "</text></svg><script>1</script>",
  "</style><b>",
  "]]><!--",
  "{a|rich} {b} {@x}",
  "&amp;&lt;&#60;&nope;",
  "\u202Egnp.exe\u2066",
  "\0\u0001\u001B[31m\uFFFF",
  "\uD800 lone",
  "line\nbreak\ttab\u2028",
  "NaN undefined null Infinity",
  "url(#zr0-c0) style=\"x\" class=\"y\"",
  ...Object.getOwnPropertyNames(Object.prototype),
  "",
  " ",
  "𝕌𝕟𝕚𝕔𝕠𝕕𝕖 名前 اسم 👩‍👩‍👧",
  "x".repeat(5_000),
];

/** One of everything. */
const small = { categories: 1, weeks: 3, features: 2, candidates: 1, curves: 1 };

const count = (page: string, part: string): number => page.split(part).length - 1;

/** Attributes of charts that are no numbers, and colours that the style sheet does not have. */
function chartFaults(page: string): string[] {
  const charts = page.match(/<svg .*?<\/svg>/gsu) ?? [];
  const drawn = charts.flatMap((chart) => [...chart.matchAll(/ ([a-zA-Z-]+)="([^"]*)"/gu)].map(([, key = "", value = ""]) => ({ key, value }))).filter(({ key }) => key !== "aria-label");
  const broken = drawn.filter(({ value }) => /NaN|Infinity|undefined|null|object/u.test(value));
  const colours = drawn.filter(({ key, value }) => (key === "fill" || key === "stroke") && value !== "none" && !(/^var\(--[a-z]+\)$/u.test(value) && styleSheet.includes(`${value.slice(4, -1)}:`)));
  return [...new Set([...broken, ...colours].map(({ key, value }) => `${key}="${value}"`))];
}

const faults = (page: string): string[] => [...markupFaults(page), ...chartFaults(page)];

test("the sample is a record", () => {
  expect(trainingReportSchema.parse(sampleReport())).toEqual(sampleReport());
  for (const stage of stageNames) expect(() => trainingReportSchema.parse(failedReport(stage))).not.toThrow();
});

describe("a full record", () => {
  const page = renderReport(sampleReport());

  test("is one well-formed page without anything missing, with a chart for each thing that can be drawn", () => {
    expect(faults(page)).toEqual([]);
    expect(page).not.toContain("class=\"absent\"");
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/u);
    // gate, stages, 4 distributions, correlations, 2 trends, drift, prices, 4 of categories, 2 of candidates, importance, 4 of residuals, 3 of calibration, slices, 2 curves, elasticity
    expect(count(page, "<svg ")).toBe(29);
    expect(count(page, "role=\"img\" aria-label=\"")).toBe(29);
    expect(count(page, "<figcaption>")).toBe(29);
    expect(count(page, "class=\"unit\"")).toBe(29);
    expect(count(page, "class=\"look\"")).toBe(29);
    expect(count(page, "<caption>")).toBe(count(page, "<table>"));
  });

  test("says first what came of it", () => {
    expect(page).toContain("Promoted: learner_0 serves as the elasticity model");
    expect(page).toContain("It takes over from the champion 20260101T000000000Z-00000000.");
    expect(page).toContain("✓ the trailing conversion: better by 2.51\u00A0% (95\u00A0%: 1.50\u00A0% to 3.26\u00A0%)");
    expect(page).toContain("<strong>1 to look at</strong><span>2 ok, 1 warned, 0 failed</span>");
    expect(page).toContain("<strong>2\u00A0min 17\u00A0s</strong>");
    expect(page.indexOf("Promoted:")).toBeLessThan(page.indexOf("<h2"));
  });

  test("shows figures with their ceilings, the chosen one marked and the barred one explained", () => {
    expect(page).toContain("<tr class=\"chosen\"><th scope=\"row\">learner_0 <span class=\"badge chosen\">★ champion</span></th>");
    expect(page).toContain("<td class=\"number\">0.830</td><td class=\"number\"><span class=\"aside\">0.900</span></td>");
    expect(page).toContain("<strong>learner_1</strong> may not serve: its prediction rises with price on 83 % of the validation rows.");
  });

  test("an elasticity that is not identified has no figure, wherever it stands", () => {
    const [, , unknown] = sampleReport().analysis.categories;
    expect(unknown?.elasticity?.identified).toBe(false);
    const rows = page.split("\n").filter((line) => line.includes("<th scope=\"row\">category_2</th>") && line.includes("not identified"));
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(row).not.toContain("\u2212");
    expect(page).toContain("category_2 not identified");
  });

  test("asks for nothing and lets nothing run", () => {
    expect(page).toContain("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;; style-src &#39;sha256-");
    expect(page.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|<script|@import|url\(/u);
  });
});

test("equal records give equal bytes, whatever was drawn before", () => {
  const report = sampleReport();
  const first = renderReport(report);
  renderReport(sampleReport({ categories: 7, curves: 5 }));
  expect(renderReport(structuredClone(report))).toBe(first);
});

test("the policy's hash is that of the style sheet as it stands in the page", async () => {
  const page = renderReport(sampleReport());
  const style = /<style>(.*?)<\/style>/su.exec(page)?.[1] ?? "";
  const digest = Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style))).toString("base64");
  expect(page).toContain(`sha256-${digest}&#39;`);
});

describe("a run that did not come to its end", () => {
  test.each([
    ["data", 14, ["stages", "lineage"]],
    ["understanding", 13, ["stages", "checks", "lineage"]],
    ["training", 8, ["stages", "checks", "distributions", "correlation", "trend", "drift", "prices", "categories", "lineage"]],
    ["report", 0, []],
  ] as const)("failed in %s: %i parts say that they were not reached", (stage, missing, present) => {
    const page = renderReport(failedReport(stage));
    expect(faults(page)).toEqual([]);
    expect(count(page, "class=\"absent\"")).toBeGreaterThanOrEqual(missing);
    expect(count(page, "<li class=\"missing\">")).toBe(count(page, "class=\"absent\""));
    for (const id of present) expect(page).toContain(`<li><a href="#${id}">`);
    expect(page).toContain(stage === "report" ? "Failed in the stage report, after learner_0 was promoted" : `Failed in the stage ${stage}: nothing is promoted`);
    expect(page).toContain(`the stage ${stage} had too little to work with (too_little_data)`);
  });

  test("one under way says where it is, and what has not begun", () => {
    const report = failedReport("training");
    const stages = report.stages.map((stage) => (stage.status === "failed" ? { ...stage, status: "running" as const } : stage));
    const page = renderReport({ ...report, status: "running", failure: null, ended_at: null, stages });
    expect(faults(page)).toEqual([]);
    expect(page).toContain("Under way: in the stage training");
    expect(page).toContain("It comes with the stage evaluation, which has not begun.");
  });

  test("one whose checks failed shows what it knew, the failed check first", () => {
    const report = failedReport("preparation");
    const checks: TrainingReport["checks"] = [...report.checks, { name: "leakage.single_feature", stage: "understanding", status: "fail", value: 0.97, limit: 0.8, detail: "label alone explains 97 %" }];
    const page = renderReport({ ...report, checks, failure: { stage: "understanding", code: "check_failed", message: "leakage.single_feature: label alone explains 97 %" } });
    expect(faults(page)).toEqual([]);
    expect(page).toContain("1 check failed and ended the run.");
    expect(page.indexOf("leakage.<wbr>single_<wbr>feature")).toBeLessThan(page.indexOf("drift.<wbr>features"));
    expect(page).toContain("<strong>1 failed</strong>");
  });
});

describe("a challenger that does not serve", () => {
  const report = sampleReport();
  const [naive, champion] = report.verdict!.comparisons;

  test("because it does not beat the champion", () => {
    const comparisons = [naive!, { ...champion!, difference: 0.004, ci95: [0.001, 0.007] as [number, number], passed: false }];
    const page = renderReport({ ...report, verdict: { ...report.verdict!, promoted: false, reason: "does not beat the champion", comparisons } });
    expect(faults(page)).toEqual([]);
    expect(page).toContain("Not promoted: learner_0 does not serve");
    expect(page).toContain("✕ the champion 20260101T000000000Z-00000000: worse by 0.51\u00A0%");
    expect(page).toContain("★ challenger");
    expect(page).not.toContain("★ champion");
  });

  test("because the champion is pinned: the reason is told", () => {
    const page = renderReport({ ...report, verdict: { ...report.verdict!, promoted: false, reason: "the champion is pinned" } });
    expect(page).toContain("<p class=\"why\">the champion is pinned.</p>");
  });
});

/** What an object inherits that nobody gave it. */
function inherited(): string[] {
  const found: string[] = [];
  for (const key in {}) found.push(key);
  return found;
}

test("names are text, wherever they stand", () => {
  for (let first = 0; first < hostile.length; first += 8) {
    const page = renderReport(sampleReport({ categories: 8, features: 8, curves: 8, candidates: 1, name: (kind, i) => hostile[(first + i + (kind === "course" ? 5 : 0)) % hostile.length]! }));
    expect(inherited()).toEqual([]);
    expect(faults(page)).toEqual([]);
    expect(page).not.toMatch(/(?!\n)\p{Cc}|\p{Cs}|[\u2028-\u202E\u2066-\u2069]/u);
  }
});

test("hostile text in every field of the record stays text", () => {
  const fixed: ReadonlySet<string> = new Set(["scale", "status", "block", "kind", "stage", "trigger"]);
  for (let turn = 0; turn < hostile.length; turn += 8) {
    let next = turn;
    const report = JSON.parse(JSON.stringify(sampleReport(small)), (key, value: unknown) => (typeof value === "string" && !fixed.has(key) ? hostile[next++ % hostile.length] : value)) as TrainingReport;
    expect(faults(renderReport(report))).toEqual([]);
    expect(inherited()).toEqual([]);
  }
});

describe("a record of propensity", () => {
  const page = renderReport({ ...sampleReport(), family: "propensity" });

  test("shows the segments with what came of them, an empty one without figures that nobody took", () => {
    expect(faults(page)).toEqual([]);
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/u);
    expect(page).toContain("id=\"segments\"");
    expect(page).toContain("Churn by segment, mean score and share who were not seen again: hot 10.0\u00A0%; warm 30.0\u00A0%, in fact 32.0\u00A0%;");
    const hot = page.split("\n").find((line) => line.includes("<th scope=\"row\">hot</th>"));
    expect(hot).toContain("<td class=\"number\">–</td>");
  });

  test("is a section of its own family alone", () => {
    expect(renderReport(sampleReport())).not.toContain("id=\"segments\"");
    expect(page).not.toContain("id=\"prices\"");
  });
});

describe("little data", () => {
  const report = sampleReport();

  test("no rows: every part says so, or shows its zeros", () => {
    const zero = { ...report, candidates: [], verdict: null, artifact: null, checks: [], analysis: { histograms: [], correlation: { names: [], values: [] }, trend: { at: [], block: [], series: [] }, drift: [], categories: [], prices: null, elasticity: null, residuals: null, calibration: [], curves: [], segments: [] } };
    const page = renderReport(zero);
    expect(faults(page)).toEqual([]);
    expect(page).toContain("Ended without a verdict");
    expect(count(page, "class=\"absent\"")).toBe(15);
  });

  test("histograms without a row, a single bin, a single week, a single point", () => {
    const [candidate, naive, category, curve] = [report.candidates[0]!, report.verdict!.comparisons[0]!, report.analysis.categories[0]!, report.analysis.curves[0]!];
    const point = { price_tokens: 60, enrollments: 0, enrollments_ci95: [0, 0] as [number, number], revenue_tokens: 0, revenue_ci95: [0, 0] as [number, number] };
    const one = { name: "one", unit: "", scale: "log" as const, edges: [3, 3], train: [1], held_out: [0], missing: 0 };
    const page = renderReport({
      ...report,
      candidates: [{ ...candidate, grouped: null, slices: candidate.slices.slice(0, 1), forward: { rows: 1, metrics: {} }, importance: { only: 0 }, elasticity: null }],
      verdict: { ...report.verdict!, comparisons: [{ ...naive, theirs: 0, difference: 0, ci95: [0, 0] }] },
      analysis: {
        histograms: [one, { ...one, name: "none", edges: [0, 1], train: [0], held_out: [0] }],
        correlation: { names: ["constant", "other"], values: [[null, null], [null, null]] },
        trend: { at: ["2026-01-01T00:00:00.000Z"], block: ["test"], series: [{ name: "exposures", unit: "a week", values: [null] }, { name: "enrollments", unit: "a week", values: [0] }] },
        drift: [{ feature: "one", psi: 0, status: "ok" }],
        categories: [{ ...category, exposures: 0, enrollments: 0, revenue_tokens: 0, conversion: 0, mean_price_tokens: 0, elasticity: null }],
        prices: { variation: one, within_course_sd: 0, between_course_sd: 0, jitter: { exposure_share: 0, course_week_share: 0, courses: 0, sd: 0 } },
        elasticity: { global: { value: -1.5, se: 0.6, sales: 0, identified: false, source: "prior" }, tau_category: 0, tau_course: 0 },
        residuals: { candidate: "learner_0", mean: 0, sd: 0, edges: [0, 0], counts: [1], by_prediction: [{ predicted: 0, mean: 0, sd: 0, rows: 1 }], by_period: [{ at: "2026-01-01T00:00:00.000Z", mean: 0, sd: 0, rows: 1 }] },
        calibration: [{ candidate: "learner_0", bins: [{ rows: 1, predicted: 0, observed: 0, ci95: [0, 0] }] }],
        curves: [{ ...curve, points: [point], best_price_tokens: 60, price_tokens: 60 }],
        segments: [],
      },
    });
    expect(faults(page)).toEqual([]);
    expect(page).toContain("Prices never moved at random.");
    expect(page).toContain("Not identified: prices never varied at random");
    expect(page).toContain("not comparable: the opponent loses nothing");
    expect(page).not.toContain("to draw");
  });
});

test("figures of any size leave no trace of what is no number", () => {
  const extreme = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, -0, 1e-300, -1e-300, 1e300, -1e300, Number.MAX_VALUE, Number.MIN_VALUE, 1e9, -1));
  const spare: ReadonlySet<string> = new Set(["format", "edges", "first_sequence", "last_sequence"]);
  fc.assert(
    fc.property(fc.infiniteStream(extreme), fc.integer({ min: 0, max: 3 }), (stream, every) => {
      const mangled = JSON.parse(JSON.stringify(sampleReport()), (key, value: unknown) => (typeof value === "number" && !spare.has(key) && (every === 0 || Math.abs(value * 1e6) % (every + 1) < 1) ? stream.next().value : value)) as TrainingReport;
      expect(faults(renderReport(mangled))).toEqual([]);
    }),
    { numRuns: 10, seed: 4 },
  );
});

test("a family without sections of its own has what every family has", () => {
  for (const family of ["propensity", "constructor", "__proto__"]) {
    const page = renderReport({ ...sampleReport(), family });
    expect(faults(page)).toEqual([]);
    expect(page).toContain("<section id=\"calibration\"");
    expect(page).not.toContain("<section id=\"curves\"");
  }
});

test("the page stays small however long the lists are", () => {
  const report = sampleReport({ categories: 3_000, weeks: 520, features: 300, candidates: 40, curves: 2_000, name: (kind, i) => `${kind}_${i}_${"w".repeat(50)}` });
  const page = renderReport(report);
  expect(faults(page)).toEqual([]);
  expect(new TextEncoder().encode(page).length).toBeLessThan(1_500_000);
  expect(page).toContain("2,960 more are in the run's report.json.");
});
