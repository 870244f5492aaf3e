import type { CommandDefinition } from "../command.ts";
import { settingNames } from "../settings.ts";
import { json } from "./common-options.ts";

// This installation and its machine.

export const configCommand: CommandDefinition = {
  name: "config",
  summary: "Print the effective configuration, secrets masked, with where each value comes from.",
  settings: settingNames,
  options: [json],
  examples: ["tidemark config", "TIDEMARK_PORT=9000 tidemark config --json"],
  run: async (context) => (await import("../config-command.ts")).runConfigCommand(context),
};

export const doctorCommand: CommandDefinition = {
  name: "doctor",
  summary: "Check Node, nats-server, permissions, disk, LMDB, port, broker, clocks, features and TensorFlow; ends with 2 when something cannot work.",
  settings: ["host", "port", "data_dir", "nats_url", "nats_creds", "nats_ca", "tf_backend"],
  options: [json],
  examples: ["tidemark doctor", "tidemark doctor --nats-url nats://broker:4222 --json"],
  run: async (context) => (await import("../doctor-command.ts")).runDoctorCommand(context),
};

export const benchCommand: CommandDefinition = {
  name: "bench",
  summary: "Run a benchmark in fresh processes, and print its figures; without a name, which there are. Needs a checkout that is built.",
  settings: [],
  arguments: [["[name]", "the benchmark"]],
  options: [
    ["--quick", "smaller: to see that it runs, not for its figures"],
    ["--url <url>", "of serve: load a platform that runs, at this address"],
    ["--key <key>", "of serve --url: an API key"],
    ["--rate <per second>", "of serve --url: requests a second (default: 1000)"],
    ["--duration <seconds>", "of serve --url: for so long (default: 60)"],
    ["--minutes <minutes>", "of steady: for so long (default: 10)"],
    ["--drill <name>", "of failover: one drill alone"],
    ["--json", "the last line alone: one JSON object"],
  ],
  examples: ["tidemark bench ingest --quick", "tidemark bench serve --url http://127.0.0.1:8080 --rate 500 --duration 30"],
  run: async (context) => (await import("../bench-command.ts")).runBenchCommand(context),
};
