import type { CommandGroup } from "../command.ts";
import { family, json } from "./common-options.ts";

export const pipelineCommands: CommandGroup = {
  name: "pipeline",
  summary: "Run the training pipeline, and look at its runs: stages, checks, candidates, reports.",
  commands: [
    {
      name: "run",
      summary: "Train once now: data, understanding, preparation, training, evaluation, report. Ends with 2 when a check failed.",
      settings: ["nats_url", "data_dir", "archive_dir", "tf_backend", "seed", "log_level"],
      options: [family, ["--resume <run>", "go on with an interrupted run, on the events that it was begun with"], json],
      examples: ["tidemark pipeline run", "tidemark pipeline run --family propensity", "tidemark pipeline run --resume 20260131T120000000Z-elasticity-1a2b"],
      run: async (context) => (await import("../pipeline-command.ts")).runPipelineOnce(context),
    },
    {
      name: "list",
      summary: "The runs, newest first: those that ended, and what runs or was interrupted on this data directory.",
      settings: ["nats_url", "data_dir"],
      options: [["--limit <count>", "at most so many (default: 20)"], ["--family <family>", "of these models alone: elasticity or propensity"], json],
      examples: ["tidemark pipeline list", "tidemark pipeline list --family propensity"],
      run: async (context) => (await import("../pipeline-command.ts")).runPipelineList(context),
    },
    {
      name: "show",
      summary: "What came of a run: its stages, checks and candidates.",
      settings: ["nats_url", "data_dir"],
      arguments: [["[run]", "the run (default: the newest)"]],
      options: [json],
      examples: ["tidemark pipeline show"],
      run: async (context) => (await import("../pipeline-command.ts")).runPipelineShow(context),
    },
    {
      name: "compare",
      summary: "Two runs side by side: figures of their candidates, and checks that went otherwise.",
      settings: ["nats_url", "data_dir"],
      arguments: [["<first>", "a run"], ["<second>", "another"]],
      options: [json],
      examples: ["tidemark pipeline compare 20260131T120000000Z-elasticity-1a2b 20260131T180000000Z-elasticity-3c4d"],
      run: async (context) => (await import("../pipeline-command.ts")).runPipelineCompare(context),
    },
    {
      name: "report",
      summary: "A run's report with its exploratory analysis, as text, one HTML page or JSON.",
      settings: ["nats_url", "data_dir"],
      arguments: [["[run]", "the run (default: the newest)"]],
      options: [["--format <format>", "txt, html or json (default: txt)"], ["--out <file>", "to this file instead of standard output"], json],
      examples: ["tidemark pipeline report", "tidemark pipeline report --format html --out report.html"],
      run: async (context) => (await import("../pipeline-command.ts")).runPipelineReport(context),
    },
  ],
};
