import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedBroker } from "../src/ingest/embedded-broker.ts";
import { Broker } from "../src/ingest/nats.ts";
import { must } from "../src/lib/assert.ts";
import { silentLogger } from "../src/lib/log.ts";
import { runChild } from "./child.ts";
import type { BenchOptions, BenchResult } from "./report.ts";
import { median } from "./stats.ts";

interface Rate {
  readonly events: number;
  readonly seconds: number;
}

/** What the fold must keep at the platform's own size. */
function missed({ fold_per_s, ratio, rss_mb }: { readonly fold_per_s: number; readonly ratio: number; readonly rss_mb: number }): string[] {
  return [
    ...(ratio < 0.4 ? [`${ratio.toFixed(2)} of raw consumption, less than 0.4`] : []),
    ...(fold_per_s < 80_000 ? [`fold ${Math.round(fold_per_s)} of 80,000 events/s`] : []),
    ...(rss_mb > 400 ? [`${Math.round(rss_mb)} MB, more than 400`] : []),
  ];
}

/** Raw consumption and the shipped fold of the same stream, in fresh processes, in turn. */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const events = quick ? 200_000 : 2_000_000;
  const rounds = quick ? 1 : 3;
  const directory = await mkdtemp(join(tmpdir(), "tidemark-bench-"));
  const embedded = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  try {
    const broker = await Broker.connect({ url: embedded.url, name: "bench" });
    await broker.ensureStreams();
    const published = await runChild<{ published: number; seconds: number }>("publish", [embedded.url, String(events)], 300_000);
    const last = must(await broker.streamInfo("EVENTS"), "EVENTS").last_sequence;
    await broker.close();

    const raw: number[] = [];
    const fold: number[] = [];
    const ratios: number[] = [];
    let rss_mb = 0;
    let checksum = 0;
    for (let round = 0; round < rounds; round++) {
      const r = await runChild<Rate & { checksum: number }>("raw-consume", [embedded.url, String(last)], 300_000);
      const f = await runChild<Rate & { rss_mb: number }>("fold", [embedded.url, String(last), join(directory, `fold-${round}`)], 300_000);
      raw.push(r.events / r.seconds);
      fold.push(f.events / f.seconds);
      ratios.push(f.events / f.seconds / (r.events / r.seconds));
      rss_mb = Math.max(rss_mb, f.rss_mb);
      checksum = r.checksum;
    }
    const fold_per_s = median(fold);
    const ratio = median(ratios);
    const failures = quick ? [] : missed({ fold_per_s, ratio, rss_mb });
    return {
      metrics: {
        raw_consume_per_s: median(raw),
        fold_per_s,
        ratio,
        publish_per_s: published.published / published.seconds,
        rss_mb,
        events: last,
        rounds,
      },
      check: `${last} ${checksum}`,
      notes: [
        "raw: ordered consumption and JSON.parse, nothing else; fold: the shipped ingest role into an empty store, durable commits, all features",
        "the synthetic platform's own mix and order of events; nats-server shares the cores; process start is not measured",
      ],
      ...(failures.length > 0 ? { failure: failures.join("; ") } : {}),
    };
  } finally {
    await embedded.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
