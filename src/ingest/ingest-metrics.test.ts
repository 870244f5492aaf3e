import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ManualClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import type { IngestProgress } from "./ingest.ts";
import { IngestMetrics } from "./ingest-metrics.ts";
import { startMetricsServer } from "./metrics-server.ts";

let store_path: string;
beforeAll(async () => {
  store_path = await mkdtemp(join(tmpdir(), "tidemark-metrics-"));
});
afterAll(() => rm(store_path, { recursive: true, force: true }));

const boot: IngestProgress = {
  events: 0,
  batches: 0,
  batch_events: 0,
  commit_ms: 0,
  dead_letters: 0,
  dead_letters_by_reason: new Map(),
  dead_letters_dropped: 0,
  fold: { events: 0, duplicates: 0, late: 0, uncategorised: 0, unenrolled: 0, unnamed: 0 },
  promotions_refused: 0,
  watermark: undefined,
  late_by_state: {},
  lag: 12,
  sequence: 40,
  time_ms: 0,
  control_sequence: 0,
  offers_sequence: 0,
  quotes_refused: 0,
};

it("tells what the last progress said, each commit once, and the store's size", async () => {
  const clock = new ManualClock(1_000_000);
  const metrics = new IngestMetrics({ store_path, clock });
  const text = (): Promise<string> => metrics.registry.metrics();
  expect(await text()).toContain("tidemark_ingest_commit_seconds_count 0\n");

  metrics.update(boot);
  expect(await text()).toContain("tidemark_ingest_lag_events 12\n");
  // Nothing folded yet: no message whose age would say anything.
  expect(await text()).toContain("tidemark_ingest_lag_seconds 0\n");
  expect(await text()).toContain("tidemark_ingest_store_bytes 0\n");
  expect(await text()).toContain("tidemark_ingest_watermark_seconds 0\n");
  const broker = { connected: false };
  metrics.watchBroker(broker);
  expect(await text()).toContain("tidemark_ingest_broker_connected 0\n");
  broker.connected = true;
  metrics.watchStore({ pageUse: () => ({ page_bytes: 4_096, pages: 40, free_pages: 15 }) });

  await writeFile(join(store_path, "data.mdb"), new Uint8Array(4_096));
  const first: IngestProgress = {
    ...boot,
    events: 10,
    batches: 1,
    batch_events: 10,
    commit_ms: 4,
    dead_letters: 3,
    dead_letters_by_reason: new Map([
      ["not_json", 2],
      ["too_large", 1],
    ]),
    dead_letters_dropped: 1,
    fold: { events: 2, duplicates: 5, late: 7, uncategorised: 3, unenrolled: 4, unnamed: 6 },
    promotions_refused: 8,
    watermark: { event_time_ms: 998_000, broker_time_ms: 997_500 },
    late_by_state: { "course.exposures_hours": 7 },
    lag: 2,
    sequence: 50,
    time_ms: 997_500,
  };
  metrics.update(first);
  // A commit of CONTROL: the figures of EVENTS stand as they were.
  metrics.update({ ...first, control_sequence: 1 });
  const told = await text();
  for (const line of [
    "tidemark_ingest_events_total 10",
    "tidemark_ingest_commit_seconds_count 1",
    'tidemark_ingest_commit_seconds_bucket{le="0.0025"} 0',
    'tidemark_ingest_commit_seconds_bucket{le="0.005"} 1',
    "tidemark_ingest_batch_events_sum 10",
    'tidemark_ingest_refused_total{reason="not_json"} 2',
    'tidemark_ingest_refused_total{reason="too_large"} 1',
    "tidemark_ingest_dead_letters_dropped_total 1",
    "tidemark_ingest_duplicates_total 5",
    "tidemark_ingest_folded_total 2",
    "tidemark_ingest_uncategorised_total 3",
    "tidemark_ingest_unenrolled_total 4",
    "tidemark_ingest_unnamed_total 6",
    "tidemark_ingest_promotions_refused_total 8",
    "tidemark_ingest_watermark_seconds 998",
    "tidemark_ingest_broker_time_seconds 997.5",
    "tidemark_ingest_broker_connected 1",
    "tidemark_ingest_store_pages 40",
    "tidemark_ingest_store_free_pages 15",
    'tidemark_ingest_late_total{state="course.exposures_hours"} 7',
    "tidemark_ingest_sequence 50",
    "tidemark_ingest_lag_events 2",
    "tidemark_ingest_lag_seconds 2.5",
    "tidemark_ingest_store_bytes 4096",
  ]) {
    expect(told).toContain(`${line}\n`);
  }
  metrics.update({ ...first, batches: 2, lag: 0 });
  expect(await text()).toContain("tidemark_ingest_lag_seconds 0\n");
  expect(await text()).toContain("tidemark_ingest_commit_seconds_count 2\n");
});

it("serves them on loopback, and nothing else", async () => {
  const metrics = new IngestMetrics({ store_path, clock: new ManualClock(0) });
  const server = await startMetricsServer(metrics.registry, { port: 0, variable: "TIDEMARK_INGEST_METRICS_PORT" }, silentLogger);
  const url = `http://127.0.0.1:${server.port}`;
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get("content-type")).toContain("text/plain");
  expect(await response.text()).toContain("# TYPE tidemark_ingest_events_total counter");
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(404);
  await expect(startMetricsServer(metrics.registry, { port: server.port, variable: "TIDEMARK_INGEST_METRICS_PORT" }, silentLogger)).rejects.toMatchObject({ code: "address_in_use", message: expect.stringContaining("TIDEMARK_INGEST_METRICS_PORT") });
  await server.close();
  await expect(fetch(`${url}/metrics`)).rejects.toThrow("fetch failed");
});
