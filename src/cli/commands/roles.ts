import type { CommandDefinition } from "../command.ts";
import { family, json, platform } from "./common-options.ts";

// The roles that run for as long as the platform does.

export const startCommand: CommandDefinition = {
  name: "start",
  summary: "Run the whole platform on this machine: broker, ingest, training, serving and a simulated platform that buys.",
  settings: ["host", "port", "data_dir", "import_dir", "nats_url", "nats_port", "events_max_gib", "events_max_days", "archive_dir", "erasure_delay_days", "snapshot_interval_hours", "snapshots_kept", "tf_backend", "serve_workers", "train_interval_hours", "ingest_metrics_port", "train_metrics_port", "action_rules", "quote_keys_file", "quote_keys", "key_file", "cors_origins", "tls_cert", "tls_key", "otlp_url", "sim_rate", ...platform, "log_level"],
  examples: ["tidemark start", "tidemark start --port 9000 --data-dir /var/lib/tidemark", "tidemark start --courses 200 --enrollments 5000 --rate 5", "tidemark start --data-dir ./mine --import-dir deploy/examples/history"],
  run: async (context) => (await import("../start.ts")).runStart(context),
};

export const ingestCommand: CommandDefinition = {
  name: "ingest",
  summary: "Fold the streams into the feature store of this host.",
  settings: ["data_dir", "nats_url", "partition", "events_max_gib", "events_max_days", "archive_dir", "erasure_delay_days", "snapshot_interval_hours", "snapshots_kept", "ingest_metrics_port", "log_level"],
  examples: ["tidemark ingest --nats-url nats://broker:4222 --data-dir /var/lib/tidemark", "tidemark ingest --partition 1/4 --data-dir /var/lib/tidemark-1"],
  run: async (context) => (await import("../ingest-command.ts")).runIngestCommand(context),
};

export const serveCommand: CommandDefinition = {
  name: "serve",
  summary: "Answer price calls from the feature store of this host.",
  settings: ["host", "port", "data_dir", "partition_dirs", "action_rules", "quote_keys_file", "quote_keys", "nats_url", "serve_workers", "key_file", "cors_origins", "tls_cert", "tls_key", "otlp_url", "log_level"],
  examples: ["tidemark serve --port 8080 --serve-workers 4"],
  run: async (context) => (await import("../serve-command.ts")).runServeCommand(context),
};

export const trainCommand: CommandDefinition = {
  name: "train",
  summary: "Train once now, as `pipeline run` does; --role: keep training on a schedule, at once if a run was interrupted.",
  settings: ["nats_url", "data_dir", "archive_dir", "tf_backend", "train_interval_hours", "train_metrics_port", "seed", "log_level"],
  options: [
    ["--role", "run the scheduled role until stopped: every family of models in turn"],
    family,
    json,
  ],
  examples: ["tidemark train", "tidemark train --role --train-interval-hours 24"],
  run: async (context) => (await import("../train-command.ts")).runTrainCommand(context),
};

export const simulateCommand: CommandDefinition = {
  name: "simulate",
  summary: "Publish the synthetic platform's history, then live traffic that buys at the engine's prices.",
  settings: [...platform, "sim_rate", "engine_url", "key_file", "nats_url", "data_dir", "log_level"],
  options: [
    ["--history", "the history only"],
    ["--live", "live traffic only"],
  ],
  examples: ["tidemark simulate --learners 1000 --courses 200 --teachers 50 --enrollments 5000 --weeks 26 --seed 7", "tidemark simulate --live --rate 50"],
  run: async (context) => (await import("../simulate-command.ts")).runSimulateCommand(context),
};

export const brokerCommand: CommandDefinition = {
  name: "broker",
  summary: "Run the embedded broker of a start.",
  settings: [],
  examples: [],
  hidden: true,
  run: async (context) => (await import("../broker-command.ts")).runBrokerCommand(context),
};
