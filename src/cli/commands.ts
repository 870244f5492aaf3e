import type { CommandDefinition } from "./command.ts";
import { settingNames, type SettingName } from "./settings.ts";

const platform: readonly SettingName[] = ["learners", "courses", "teachers", "enrollments", "weeks", "seed"];

/** The command line. Each command's code is loaded when it runs: `serve` never loads TensorFlow, `config` starts fast. */
export const commands: readonly CommandDefinition[] = [
  {
    name: "start",
    summary: "Run the whole platform on this machine: broker, ingest, training, serving and a simulated platform that buys.",
    settings: ["host", "port", "data_dir", "nats_url", "nats_port", "tf_backend", "serve_workers", "train_interval_hours", "sim_rate", ...platform, "log_level"],
    examples: ["tidemark start", "tidemark start --port 9000 --data-dir /var/lib/tidemark", "tidemark start --courses 200 --enrollments 5000 --rate 5"],
    run: async (context) => (await import("./start.ts")).runStart(context),
  },
  {
    name: "ingest",
    summary: "Fold the streams into the feature store of this host.",
    settings: ["data_dir", "nats_url", "log_level"],
    examples: ["tidemark ingest --nats-url nats://broker:4222 --data-dir /var/lib/tidemark"],
    run: async (context) => (await import("./ingest-command.ts")).runIngestCommand(context),
  },
  {
    name: "serve",
    summary: "Answer price calls from the feature store of this host.",
    settings: ["host", "port", "data_dir", "nats_url", "serve_workers", "log_level"],
    examples: ["tidemark serve --port 8080 --serve-workers 4"],
    run: async (context) => (await import("./serve-command.ts")).runServeCommand(context),
  },
  {
    name: "train",
    summary: "Train once now, print the metrics and whether the model was promoted; --role: keep training on a schedule.",
    settings: ["nats_url", "data_dir", "tf_backend", "train_interval_hours", "seed", "log_level"],
    options: [
      ["--role", "run the scheduled role until stopped"],
      ["--json", "print the result as JSON"],
    ],
    examples: ["tidemark train", "tidemark train --role --train-interval-hours 24"],
    run: async (context) => (await import("./train-command.ts")).runTrainCommand(context),
  },
  {
    name: "simulate",
    summary: "Publish the synthetic platform's history, then live traffic that buys at the engine's prices.",
    settings: [...platform, "sim_rate", "engine_url", "nats_url", "data_dir", "log_level"],
    options: [
      ["--history", "the history only"],
      ["--live", "live traffic only"],
    ],
    examples: ["tidemark simulate --learners 1000 --courses 200 --teachers 50 --enrollments 5000 --weeks 26 --seed 7", "tidemark simulate --live --rate 50"],
    run: async (context) => (await import("./simulate-command.ts")).runSimulateCommand(context),
  },
  {
    name: "config",
    summary: "Print the effective configuration, secrets masked, with where each value comes from.",
    settings: settingNames,
    options: [["--json", "as JSON"]],
    examples: ["tidemark config", "TIDEMARK_PORT=9000 tidemark config --json"],
    run: async (context) => (await import("./config-command.ts")).runConfigCommand(context),
  },
  {
    name: "broker",
    summary: "Run the embedded broker of a start.",
    settings: [],
    examples: [],
    hidden: true,
    run: async (context) => (await import("./broker-command.ts")).runBrokerCommand(context),
  },
];
