import type { CommandDefinition, CommandGroup } from "./command.ts";
import { experimentCommands } from "./commands/experiments.ts";
import { keyCommands } from "./commands/keys.ts";
import { benchCommand, configCommand, doctorCommand } from "./commands/machine.ts";
import { modelCommands } from "./commands/models.ts";
import { pipelineCommands } from "./commands/pipeline.ts";
import { policyCommands } from "./commands/policies.ts";
import { elasticityCommand, optimizeCommand, priceCommand } from "./commands/prices.ts";
import { brokerCommand, ingestCommand, serveCommand, simulateCommand, startCommand, trainCommand } from "./commands/roles.ts";
import { archiveCommands, snapshotCommands } from "./commands/stores.ts";
import { dlqCommands, eventsCommands, lateCommand } from "./commands/streams.ts";
import { exportCommand, featuresCommand, importCommand } from "./commands/tables.ts";
import { completionScript } from "./completion-command.ts";

/** Here and not with the others: it prints the table that it stands in. */
const completionCommand: CommandDefinition = {
  name: "completion",
  summary: "Print what makes a shell complete commands and flags.",
  settings: [],
  arguments: [["<shell>", "bash, zsh or fish"]],
  examples: ["source <(tidemark completion bash)", "tidemark completion fish | source"],
  run: async (context) => {
    process.stdout.write(completionScript(commands, context.arguments[0]));
    return 0;
  },
};

/** The command line, in the order of its help. Each command's code is loaded when it runs: `serve` never loads TensorFlow, `config` starts fast. */
export const commands: readonly (CommandDefinition | CommandGroup)[] = [
  startCommand,
  ingestCommand,
  serveCommand,
  trainCommand,
  pipelineCommands,
  modelCommands,
  keyCommands,
  simulateCommand,
  policyCommands,
  experimentCommands,
  dlqCommands,
  snapshotCommands,
  archiveCommands,
  eventsCommands,
  optimizeCommand,
  priceCommand,
  lateCommand,
  featuresCommand,
  exportCommand,
  importCommand,
  elasticityCommand,
  configCommand,
  doctorCommand,
  benchCommand,
  completionCommand,
  brokerCommand,
];
