import type { CommandDefinition, CommandGroup } from "../command.ts";
import { json, stream } from "./common-options.ts";

// What came in: the events themselves, those that were refused, and those that were too late.

export const eventsCommands: CommandGroup = {
  name: "events",
  summary: "Watch the events, publish some, or bring them to another platform.",
  commands: [
    {
      name: "tail",
      summary: "Print events as they arrive, or from a sequence on; what ingest will refuse is marked.",
      settings: ["nats_url", "data_dir", "archive_dir"],
      options: [
        ["--from <sequence>", "from this one on, the archive included (default: only what arrives)"],
        ["--subject <subject>", 'of this subject only, such as "events.token.>" (the archive excluded)'],
        ["--limit <count>", "at most so many"],
        ["--end", "until the stream's end as of now, instead of waiting for more"],
        json,
      ],
      examples: ["tidemark events tail", "tidemark events tail --from 1 --limit 10 --json", 'tidemark events tail --subject "events.enrollment.>"'],
      run: async (context) => (await import("../events-tail.ts")).runEventsTail(context),
    },
    {
      name: "publish",
      summary: "Publish events, one JSON object a line, each checked first; ends with 2 when a line was refused.",
      settings: ["nats_url", "data_dir", "events_max_gib", "events_max_days", "archive_dir"],
      arguments: [["[file]", "the file (default: standard input)"]],
      options: [["--backfill", "as history, with their own known_at"], json],
      examples: ["tidemark events publish events.ndjson", "tidemark events publish --backfill < history.ndjson"],
      run: async (context) => (await import("../events-publish.ts")).runEventsPublish(context),
    },
    {
      name: "replay",
      summary: "Copy this platform's events, the archive included, into another's broker as history.",
      settings: ["nats_url", "nats_creds", "nats_ca", "data_dir", "archive_dir", "events_max_gib", "events_max_days"],
      options: [["--to <url>", "the other broker"], ["--from <sequence>", "from this one on (default: the first)"], ["--until <sequence>", "up to this one (default: the last)"], json],
      examples: ["tidemark events replay --to nats://staging:4222", "tidemark events replay --to nats://staging:4222 --from 500000"],
      run: async (context) => (await import("../events-replay.ts")).runEventsReplay(context),
    },
  ],
};

export const dlqCommands: CommandGroup = {
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
        json,
      ],
      examples: ["tidemark dlq list", "tidemark dlq list --reason invalid_field --limit 100"],
      run: async (context) => (await import("../dlq-command.ts")).runDlqList(context),
    },
    {
      name: "show",
      summary: "Why a message was refused, and the message itself.",
      settings: ["nats_url", "data_dir"],
      arguments: [["<sequence>", "the sequence that the message had in its stream"]],
      options: [stream, json],
      examples: ["tidemark dlq show 1234"],
      run: async (context) => (await import("../dlq-command.ts")).runDlqShow(context),
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
        json,
      ],
      examples: ["tidemark dlq retry 1234 1240", "tidemark dlq retry --all", "tidemark dlq retry 1234 --file corrected.json"],
      run: async (context) => (await import("../dlq-command.ts")).runDlqRetry(context),
    },
  ],
};

export const lateCommand: CommandDefinition = {
  name: "late",
  summary: "What this host's feature store left out because it came too late: by the state that it was for, and the newest one by one.",
  settings: ["data_dir"],
  options: [
    ["--limit <count>", "list at most so many, the newest (default: 20)"],
    json,
  ],
  examples: ["tidemark late", "tidemark late --json --limit 1000"],
  run: async (context) => (await import("../late-command.ts")).runLateCommand(context),
};
