import { expect, test } from "vitest";
import { ServingMetrics } from "../metrics.ts";
import { readMetrics, routeFigures, sumOf } from "./metrics-text.ts";

test("figures by route are those that were observed", async () => {
  const metrics = new ServingMetrics();
  const price = metrics.route("POST", "/optimize_price");
  for (let i = 0; i < 98; i++) price(200, 0.8);
  price(200, 20);
  price(503, 20);
  metrics.route("GET", "/quiet");
  metrics.route("GET", '/odd"\\route')(404, 3_000);
  const samples = readMetrics(await metrics.registry.metrics());
  expect(sumOf(samples, "tidemark_http_request_duration_seconds_count")).toBe(101);
  expect(routeFigures(samples)).toEqual([
    { route: "POST /optimize_price", calls: 100, failures: 1, p50_s: 0.001, p99_s: 0.025 },
    { route: String.raw`GET /odd\"\\route`, calls: 1, failures: 0, p50_s: Number.POSITIVE_INFINITY, p99_s: Number.POSITIVE_INFINITY },
  ]);
});

test("what is no sample is passed over", () => {
  expect(readMetrics("# HELP a b\n\nnonsense\na{b=\"c\"} 1\na NaN\n")).toEqual([
    { name: "a", labels: { b: "c" }, value: 1 },
    { name: "a", labels: {}, value: Number.NaN },
  ]);
});
