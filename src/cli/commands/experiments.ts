import type { CommandGroup } from "../command.ts";
import { engine, json, reason } from "./common-options.ts";

export const experimentCommands: CommandGroup = {
  name: "experiment",
  summary: "Define, start, stop and read experiments on prices, and plan them.",
  commands: [
    {
      name: "list",
      summary: "The experiments, what they compare and since when.",
      settings: engine,
      options: [json],
      examples: ["tidemark experiment list"],
      run: async (context) => (await import("../experiment-command.ts")).runExperimentList(context),
    },
    {
      name: "define",
      summary: "Define an experiment, or a draft anew, from a JSON file. It assigns nobody before its start.",
      settings: engine,
      arguments: [["<experiment>", "its id"], ["<file>", "the definition, as POST /experiments takes it under `experiment`"]],
      options: [reason, json],
      examples: ["tidemark experiment define engine-vs-list experiment.json"],
      run: async (context) => (await import("../experiment-command.ts")).runExperimentDefine(context),
    },
    {
      name: "start",
      summary: "Assign units from now on. Refused while another experiment sets the same prices.",
      settings: engine,
      arguments: [["<experiment>", "its id"]],
      options: [reason, json],
      examples: ["tidemark experiment start engine-vs-list --reason reviewed"],
      run: async (context) => (await import("../experiment-command.ts")).runExperimentChange(context, "start"),
    },
    {
      name: "stop",
      summary: "End an experiment for good, and keep the results of the moment.",
      settings: engine,
      arguments: [["<experiment>", "its id"]],
      options: [reason, ["--verdict <text>", "what was concluded, in words"], json],
      examples: ["tidemark experiment stop engine-vs-list --verdict 'the engine earns more'"],
      run: async (context) => (await import("../experiment-command.ts")).runExperimentChange(context, "stop"),
    },
    {
      name: "results",
      summary: "What an experiment says so far: arms, comparisons, sample ratio, guardrails, verdict, business figures.",
      settings: engine,
      arguments: [["<experiment>", "its id"]],
      options: [json],
      examples: ["tidemark experiment results engine-vs-list"],
      run: async (context) => (await import("../experiment-command.ts")).runExperimentResults(context),
    },
    {
      name: "power",
      summary: "Units and days that a comparison takes, or the effect that days are enough for.",
      settings: engine,
      arguments: [["<file>", "the plan, as POST /experiments/power takes it"]],
      options: [json],
      examples: ["tidemark experiment power plan.json"],
      run: async (context) => (await import("../experiment-command.ts")).runExperimentPower(context),
    },
  ],
};
