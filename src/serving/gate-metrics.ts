import { Counter, Gauge, type Registry } from "prom-client";
import type { Clock } from "../lib/clock.ts";
import type { FeatureSource } from "./feature-source.ts";
import type { RefusalReason } from "./keys/key-access.ts";
import type { PageWatch } from "./pages/page-watch.ts";
import type { StreamHub } from "./stream/stream-hub.ts";

export interface GateFigures {
  readonly keys: { readonly usable: number };
  readonly access: { readonly refused: Readonly<Record<RefusalReason, number>> };
  readonly stream: Pick<StreamHub, "clients" | "told" | "dropped" | "refused">;
  readonly pages: Pick<PageWatch, "watchers" | "refused">;
  readonly features: FeatureSource;
  readonly clock: Clock;
}

/** Registers what is known of keys, listeners and the age of what prices rest on. Read only when somebody asks for the metrics. */
export function watchGate(registry: Registry, { keys, access, stream, pages, features, clock }: GateFigures): void {
  const registers = [registry];
  const counter = (name: string, help: string, read: () => number): void => {
    const made: Counter = new Counter({
      name,
      help,
      registers,
      collect: () => {
        made.reset();
        made.inc(read());
      },
    });
  };
  const gauge = (name: string, help: string, aggregator: "sum" | "max", read: () => number): void => {
    const made: Gauge = new Gauge({ name, help, aggregator, registers, collect: () => made.set(read()) });
  };
  gauge("tidemark_api_keys", "API keys in force; 0: nobody is asked for one, or nobody has one", "max", () => keys.usable);
  const refused: Counter = new Counter({
    name: "tidemark_auth_refused_total",
    help: "Requests that their key, or its absence, kept out",
    labelNames: ["reason"],
    registers,
    collect: () => {
      refused.reset();
      for (const [reason, count] of Object.entries(access.refused)) refused.inc({ reason }, count);
    },
  });
  gauge("tidemark_stream_clients", "Clients that listen to GET /stream", "sum", () => stream.clients);
  counter("tidemark_stream_events_total", "Events that they were told", () => stream.told);
  counter("tidemark_stream_dropped_total", "Clients let go because they read too slowly", () => stream.dropped);
  counter("tidemark_stream_refused_total", "Clients turned away because too many listened", () => stream.refused);
  gauge("tidemark_pages_open", "Browsers whose open page is kept up to date", "sum", () => pages.watchers);
  counter("tidemark_pages_refused_total", "Browsers that ask for their page by themselves, because too many were open", () => pages.refused);
  gauge("tidemark_features_age_seconds", "Time since the broker stored the newest event that is folded: grows while nothing happens, too; 0 before the first", "max", () => {
    const stored_ms = features.current?.store.watermark()?.broker_time_ms;
    return stored_ms === undefined ? 0 : Math.max(0, clock.now_ms() - stored_ms) / 1000;
  });
  gauge("tidemark_features_available", "1 while the feature store is open", "sum", () => (features.current === undefined ? 0 : 1));
}
