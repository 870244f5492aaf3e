import type { CommandGroup } from "../command.ts";
import { json } from "./common-options.ts";

// What is kept of it: copies of the feature store, and the archive of EVENTS.

export const snapshotCommands: CommandGroup = {
  name: "snapshot",
  summary: "Keep the feature store of this host, and begin a new host with it.",
  commands: [
    {
      name: "create",
      summary: "Keep the store as it is now; ingest goes on meanwhile.",
      settings: ["nats_url", "data_dir", "snapshots_kept"],
      options: [json],
      examples: ["tidemark snapshot create"],
      run: async (context) => (await import("../snapshot-command.ts")).runSnapshotCreate(context),
    },
    {
      name: "list",
      summary: "What is kept, newest last.",
      settings: ["nats_url", "data_dir"],
      options: [json],
      examples: ["tidemark snapshot list"],
      run: async (context) => (await import("../snapshot-command.ts")).runSnapshotList(context),
    },
    {
      name: "restore",
      summary: "Begin this host's feature store with a snapshot, the newest unless named; ingest then folds what came since.",
      settings: ["nats_url", "data_dir", "partition"],
      arguments: [["[name]", "the snapshot (default: the newest of this version's layout)"]],
      options: [json],
      examples: ["tidemark snapshot restore --data-dir /var/lib/tidemark"],
      run: async (context) => (await import("../snapshot-command.ts")).runSnapshotRestore(context),
    },
    {
      name: "verify",
      summary: "Fold the streams anew up to where a snapshot stands, and compare every key and byte, or compare this host's store with another's; ends with 2 when they differ.",
      settings: ["nats_url", "data_dir", "partition", "archive_dir"],
      arguments: [["[name]", "the snapshot (default: the newest of this version's layout)"]],
      options: [["--against <directory>", "instead: this host's store with that of another data directory, both brought to the later position"], json],
      examples: ["tidemark snapshot verify", "tidemark snapshot verify --against /mnt/host-b/tidemark"],
      run: async (context) => (await import("../snapshot-command.ts")).runSnapshotVerify(context),
    },
    {
      name: "digest",
      summary: "A checksum of this host's store at given sequences: all hosts have the same, or one is wrong.",
      settings: ["nats_url", "data_dir", "partition", "archive_dir"],
      options: [["--sequence <sequence>", "of EVENTS (default: where the store stands)"], ["--control-sequence <sequence>", "of CONTROL (default: where the store stands)"], ["--offers-sequence <sequence>", "of OFFERS (default: where the store stands)"], json],
      examples: ["tidemark snapshot digest", "tidemark snapshot digest --sequence 1500000 --control-sequence 12 --offers-sequence 400 --json"],
      run: async (context) => (await import("../compare-stores.ts")).runStoreDigest(context),
    },
  ],
};

export const archiveCommands: CommandGroup = {
  name: "archive",
  summary: "Look at the archive of EVENTS, check it, and forget erased learners in it.",
  commands: [
    {
      name: "list",
      summary: "The segments, by sequence, and what is missing between them.",
      settings: ["nats_url", "data_dir", "archive_dir"],
      options: [json],
      examples: ["tidemark archive list"],
      run: async (context) => (await import("../archive-command.ts")).runArchiveList(context),
    },
    {
      name: "verify",
      summary: "Read every segment whole and compare it with its digest; ends with 2 when one is damaged or missing.",
      settings: ["nats_url", "data_dir", "archive_dir"],
      options: [json],
      examples: ["tidemark archive verify"],
      run: async (context) => (await import("../archive-command.ts")).runArchiveVerify(context),
    },
    {
      name: "compact",
      summary: "Make what erased learners did anonymous in the archive, and delete it from the stream; ingest does so once a day.",
      settings: ["nats_url", "data_dir", "archive_dir", "erasure_delay_days", "log_level"],
      options: [json],
      examples: ["tidemark archive compact", "tidemark archive compact --erasure-delay-days 0"],
      run: async (context) => (await import("../archive-command.ts")).runArchiveCompact(context),
    },
  ],
};
