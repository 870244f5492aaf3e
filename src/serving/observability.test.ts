import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { describe, expect, test } from "vitest";
import { TestEngine } from "./testing.ts";

const root = join(import.meta.dirname, "../..");
const file = (name: string): string => readFileSync(join(root, "deploy/observability", name), "utf8");

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

const dashboard = JSON.parse(file("grafana-dashboard.json")) as { readonly panels: readonly Panel[]; readonly templating: { readonly list: readonly { readonly query: string }[] } };
const alerts = parse(file("prometheus-alerts.yml")) as { readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[] };
const rules = alerts.groups.flatMap((group) => group.rules);

/** Names of serving's own registry, and of what ingest and training register in theirs: those stand in their sources as they are. */
function known(): ReadonlySet<string> {
  const engine = new TestEngine();
  engine.metrics.watchServer({ refused: 0, admission: { refused: 0, held: 0, under_way: 0 } });
  const names = new Set(engine.metrics.registry.getMetricsAsArray().map(({ name }) => name));
  for (const folder of ["ingest", "training", "cli"]) {
    for (const path of readdirSync(join(root, "src", folder), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts") && !name.includes("test"))) {
      for (const [, name = ""] of readFileSync(join(root, "src", folder, path), "utf8").matchAll(/"(tidemark_[a-z_]+)"/g)) names.add(name);
    }
  }
  return names;
}

/** What the expression reads, and whether it can be read itself. */
function read(expression: string): { readonly metrics: readonly string[]; readonly valid: boolean } {
  const text = expression.replaceAll("$__rate_interval", "5m").replaceAll(/"\$(job|instance)"/g, '".*"');
  const metrics: string[] = [];
  let valid = true;
  parser.parse(text).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) valid = false;
      if (type.name === "Identifier" && /^(tidemark|process|nodejs)_/.test(text.slice(from, to))) metrics.push(text.slice(from, to));
    },
  });
  return { metrics, valid };
}

const expressions = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const)),
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
];

describe("dashboard and alerts", () => {
  const names = known();

  test.each(expressions)("%s: reads metrics that exist", (_, expression) => {
    const { metrics, valid } = read(expression);
    expect(valid, expression).toBe(true);
    expect(metrics.length).toBeGreaterThan(0);
    for (const metric of metrics) expect(names.has(metric.replace(/_(bucket|count|sum)$/, "")) || names.has(metric), metric).toBe(true);
  });

  test("an expression that is none, or reads what is not there, would be found", () => {
    expect(read("sum(rate(tidemark_x[5m]) by").valid).toBe(false);
    expect(read("sum(tidemark_nothing_total) / 2").metrics).toEqual(["tidemark_nothing_total"]);
    expect(names.has("tidemark_nothing_total")).toBe(false);
  });

  test("every panel shows something, every alert says what to do, and names are used once", () => {
    for (const { type, title, targets = [] } of dashboard.panels) expect(type === "row" || targets.length > 0, title).toBe(true);
    const titles = dashboard.panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(["page", "ticket"], alert).toContain(labels.severity);
      expect(annotations.summary.length * annotations.action.length, alert).toBeGreaterThan(0);
    }
    for (const { query } of dashboard.templating.list.slice(1)) expect(names.has(/tidemark_\w+/.exec(query)![0])).toBe(true);
  });
});
