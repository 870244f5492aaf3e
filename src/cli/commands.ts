import type { CommandDefinition, CommandGroup } from "./command.ts";
import { settingNames, type SettingName } from "./settings.ts";

const stream = ["--stream <name>", "of this stream (default: EVENTS)"] as const;

const platform: readonly SettingName[] = ["learners", "courses", "teachers", "enrollments", "weeks", "seed"];

/** The command line. Each command's code is loaded when it runs: `serve` never loads TensorFlow, `config` starts fast. */
export const commands: readonly (CommandDefinition | CommandGroup)[] = [
  {
    name: "start",
    summary: "Run the whole platform on this machine: broker, ingest, training, serving and a simulated platform that buys.",
    settings: ["host", "port", "data_dir", "nats_url", "nats_port", "events_max_gib", "events_max_days", "archive_dir", "erasure_delay_days", "snapshot_interval_hours", "snapshots_kept", "tf_backend", "serve_workers", "train_interval_hours", "ingest_metrics_port", "sim_rate", ...platform, "log_level"],
    examples: ["tidemark start", "tidemark start --port 9000 --data-dir /var/lib/tidemark", "tidemark start --courses 200 --enrollments 5000 --rate 5"],
    run: async (context) => (await import("./start.ts")).runStart(context),
  },
  {
    name: "ingest",
    summary: "Fold the streams into the feature store of this host.",
    settings: ["data_dir", "nats_url", "partition", "events_max_gib", "events_max_days", "archive_dir", "erasure_delay_days", "snapshot_interval_hours", "snapshots_kept", "ingest_metrics_port", "log_level"],
    examples: ["tidemark ingest --nats-url nats://broker:4222 --data-dir /var/lib/tidemark", "tidemark ingest --partition 1/4 --data-dir /var/lib/tidemark-1"],
    run: async (context) => (await import("./ingest-command.ts")).runIngestCommand(context),
  },
  {
    name: "serve",
    summary: "Answer price calls from the feature store of this host.",
    settings: ["host", "port", "data_dir", "partition_dirs", "nats_url", "serve_workers", "log_level"],
    examples: ["tidemark serve --port 8080 --serve-workers 4"],
    run: async (context) => (await import("./serve-command.ts")).runServeCommand(context),
  },
  {
    name: "train",
    summary: "Train once now, print the metrics and whether the model was promoted; --role: keep training on a schedule.",
    settings: ["nats_url", "data_dir", "archive_dir", "tf_backend", "train_interval_hours", "seed", "log_level"],
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
    name: "dlq",
    summary: "Look at the messages that ingest refused, and publish them again after a fix.",
    commands: [
      {
        name: "list",
        summary: "The refused messages, newest last.",
        settings: ["nats_url", "data_dir"],
        options: [
          ["--limit <count>", "at most so many, the newest (default: 20)"],
          ["--stream <name>", "of this stream only"],
          ["--reason <reason>", "of this reason only"],
          ["--json", "as JSON"],
        ],
        examples: ["tidemark dlq list", "tidemark dlq list --reason invalid_field --limit 100"],
        run: async (context) => (await import("./dlq-command.ts")).runDlqList(context),
      },
      {
        name: "show",
        summary: "Why a message was refused, and the message itself.",
        settings: ["nats_url", "data_dir"],
        arguments: [["<sequence>", "the sequence that the message had in its stream"]],
        options: [stream, ["--json", "as JSON"]],
        examples: ["tidemark dlq show 1234"],
        run: async (context) => (await import("./dlq-command.ts")).runDlqShow(context),
      },
      {
        name: "retry",
        summary: "Publish refused messages again, as they were or corrected, each once however often this is run.",
        settings: ["nats_url", "data_dir"],
        arguments: [["[sequences...]", "the sequences that the messages had in their stream"]],
        options: [
          ["--all", "every message not published again yet"],
          ["--file <path>", "of a single message: publish this event in its place"],
          ["--force", "also those that this version would refuse again"],
          stream,
        ],
        examples: ["tidemark dlq retry 1234 1240", "tidemark dlq retry --all", "tidemark dlq retry 1234 --file corrected.json"],
        run: async (context) => (await import("./dlq-command.ts")).runDlqRetry(context),
      },
    ],
  },
  {
    name: "snapshot",
    summary: "Keep the feature store of this host, and begin a new host with it.",
    commands: [
      {
        name: "create",
        summary: "Keep the store as it is now; ingest goes on meanwhile.",
        settings: ["nats_url", "data_dir", "snapshots_kept"],
        options: [["--json", "as JSON"]],
        examples: ["tidemark snapshot create"],
        run: async (context) => (await import("./snapshot-command.ts")).runSnapshotCreate(context),
      },
      {
        name: "list",
        summary: "What is kept, newest last.",
        settings: ["nats_url", "data_dir"],
        options: [["--json", "as JSON"]],
        examples: ["tidemark snapshot list"],
        run: async (context) => (await import("./snapshot-command.ts")).runSnapshotList(context),
      },
      {
        name: "restore",
        summary: "Begin this host's feature store with a snapshot, the newest unless named; ingest then folds what came since.",
        settings: ["nats_url", "data_dir", "partition"],
        arguments: [["[name]", "the snapshot (default: the newest of this version's layout)"]],
        examples: ["tidemark snapshot restore --data-dir /var/lib/tidemark"],
        run: async (context) => (await import("./snapshot-command.ts")).runSnapshotRestore(context),
      },
      {
        name: "verify",
        summary: "Fold the streams anew up to where a snapshot stands, and compare every key and byte; ends with 2 when they differ.",
        settings: ["nats_url", "data_dir", "partition", "archive_dir"],
        arguments: [["[name]", "the snapshot (default: the newest of this version's layout)"]],
        examples: ["tidemark snapshot verify"],
        run: async (context) => (await import("./snapshot-command.ts")).runSnapshotVerify(context),
      },
    ],
  },
  {
    name: "archive",
    summary: "Look at the archive of EVENTS, check it, and forget erased learners in it.",
    commands: [
      {
        name: "list",
        summary: "The segments, by sequence, and what is missing between them.",
        settings: ["nats_url", "data_dir", "archive_dir"],
        options: [["--json", "as JSON"]],
        examples: ["tidemark archive list"],
        run: async (context) => (await import("./archive-command.ts")).runArchiveList(context),
      },
      {
        name: "verify",
        summary: "Read every segment whole and compare it with its digest; ends with 2 when one is damaged or missing.",
        settings: ["nats_url", "data_dir", "archive_dir"],
        examples: ["tidemark archive verify"],
        run: async (context) => (await import("./archive-command.ts")).runArchiveVerify(context),
      },
      {
        name: "compact",
        summary: "Make what erased learners did anonymous in the archive, and delete it from the stream; ingest does so once a day.",
        settings: ["nats_url", "data_dir", "archive_dir", "erasure_delay_days", "log_level"],
        options: [["--json", "as JSON"]],
        examples: ["tidemark archive compact", "tidemark archive compact --erasure-delay-days 0"],
        run: async (context) => (await import("./archive-command.ts")).runArchiveCompact(context),
      },
    ],
  },
  {
    name: "late",
    summary: "What this host's feature store left out because it came too late: by the state that it was for, and the newest one by one.",
    settings: ["data_dir"],
    options: [
      ["--limit <count>", "list at most so many, the newest (default: 20)"],
      ["--json", "as JSON"],
    ],
    examples: ["tidemark late", "tidemark late --json --limit 1000"],
    run: async (context) => (await import("./late-command.ts")).runLateCommand(context),
  },
  {
    name: "features",
    summary: "Print every feature as Markdown: unit, meaning, events, window, lateness, default, whether it is personal.",
    settings: [],
    options: [
      ["--markdown", "as Markdown, which is the default"],
      ["--json", "as JSON"],
    ],
    examples: ["tidemark features > FEATURES.md", "tidemark features --json"],
    run: async (context) => (await import("./features-command.ts")).runFeaturesCommand(context),
  },
  {
    name: "export",
    summary: "Write the platform's tables, or point-in-time datasets, rebuilt from the stream, as CSV, Parquet or SQLite.",
    settings: ["nats_url", "data_dir", "archive_dir"],
    options: [
      ["--table <name>", "learners, teachers, courses, enrollments, token_transactions or platform_metrics"],
      ["--all", "every table: a directory of files, or one SQLite file"],
      ["--dataset <name>", "a point-in-time dataset instead: elasticity (courses) or propensity (learners)"],
      ["--every-days <days>", "of a dataset: between cut-offs (default: 7 for courses, 30 for learners)"],
      ["--gap-days <days>", "of a dataset: from a cut-off to its window (default: 0 for courses, 1 for learners)"],
      ["--horizon-days <days>", "of a dataset: length of the window that labels come from (default: 7 for courses, 30 for learners)"],
      ["--partitions <count>", "of a dataset: shares that are built apart; more take less memory at a time (default: one a core)"],
      ["--format <format>", "csv, parquet or sqlite (default: csv); of a dataset also columns: a directory of typed column files"],
      ["--out <path>", "the file, or with --all the directory; it appears once it is whole"],
      ["--force", "replace what is there"],
    ],
    examples: ["tidemark export --all --format sqlite --out platform.sqlite", "tidemark export --table enrollments --format parquet --out enrollments.parquet", "tidemark export --dataset propensity --format parquet --out propensity.parquet"],
    run: async (context) => (await import("./export-command.ts")).runExportCommand(context),
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
