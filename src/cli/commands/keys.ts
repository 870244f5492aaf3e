import type { CommandGroup } from "../command.ts";
import { json, reason } from "./common-options.ts";

export const keyCommands: CommandGroup = {
  name: "key",
  summary: "Make, list and revoke the API keys that prices are asked for with, and make the broker's users.",
  commands: [
    {
      name: "create",
      summary: "Make a key and show it once. From the first one on, every request needs one.",
      settings: ["nats_url", "data_dir"],
      options: [
        ["--role <role>", "what it may do: price (default), events, operate or admin"],
        ["--name <name>", "what it is for, as histories show it"],
        ["--learner <id>", "it speaks for this learner alone"],
        ["--teacher <id>", "it speaks for this teacher alone"],
        ["--rate <per second>", "requests a second that each host lets it make, shared out among its processes"],
        ["--file <file>", "an administrator's key into this new file, for TIDEMARK_KEY_FILE: without a broker, and before there is any other"],
        reason,
        json,
      ],
      examples: ["tidemark key create --role price --name shop", "tidemark key create --file ./admin.key"],
      run: async (context) => (await import("../key-command.ts")).runKeyCreate(context),
    },
    {
      name: "list",
      summary: "The keys, what they may do, and which of them are revoked.",
      settings: ["nats_url", "data_dir"],
      options: [json],
      examples: ["tidemark key list"],
      run: async (context) => (await import("../key-command.ts")).runKeyList(context),
    },
    {
      name: "revoke",
      summary: "Let nobody in with a key any more, for ever.",
      settings: ["nats_url", "data_dir"],
      arguments: [["<key>", "its id, as the list shows it"]],
      options: [reason, json],
      examples: ["tidemark key revoke 0123456789abcdef --reason 'the shop moved'"],
      run: async (context) => (await import("../key-command.ts")).runKeyRevoke(context),
    },
    {
      name: "broker",
      summary: "Make the broker's users: a secret seed for each role, and the public keys for nats-server. Those that are there stay.",
      settings: [],
      arguments: [["<directory>", "where the files are written"]],
      options: [json],
      examples: ["tidemark key broker deploy/secrets"],
      run: async (context) => (await import("../broker-users-command.ts")).runKeyBroker(context),
    },
  ],
};
