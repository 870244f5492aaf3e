import type { CommandDefinition } from "../command.ts";
import { json } from "./common-options.ts";

// Tables in and out.

export const featuresCommand: CommandDefinition = {
  name: "features",
  summary: "Print every feature as Markdown: unit, meaning, events, window, lateness, default, whether it is personal.",
  settings: [],
  options: [
    ["--markdown", "as Markdown, which is the default"],
    json,
  ],
  examples: ["tidemark features > FEATURES.md", "tidemark features --json"],
  run: async (context) => (await import("../features-command.ts")).runFeaturesCommand(context),
};

export const exportCommand: CommandDefinition = {
  name: "export",
  summary: "Write the platform's tables, or point-in-time datasets, rebuilt from the stream, as CSV, Parquet, Arrow or SQLite.",
  settings: ["nats_url", "data_dir", "archive_dir"],
  options: [
    ["--table <name>", "learners, teachers, courses, enrollments, token_transactions, platform_metrics, propensity (the scores of learners), or the events themselves: exposures, activities, price_changes, competitor_prices"],
    ["--all", "every table: a directory of files, or one SQLite file"],
    ["--dataset <name>", "a point-in-time dataset instead: elasticity (courses) or propensity (learners)"],
    ["--every-days <days>", "of a dataset: between cut-offs (default: 7 for courses, 30 for learners)"],
    ["--gap-days <days>", "of a dataset: from a cut-off to its window (default: 0 for courses, 1 for learners)"],
    ["--horizon-days <days>", "of a dataset: length of the window that labels come from (default: 7 for courses, 60 for learners)"],
    ["--partitions <count>", "of a dataset: shares that are built apart; more take less memory at a time (default: one a core)"],
    ["--format <format>", "csv, parquet, arrow or sqlite (default: csv); of a dataset also columns: a directory of typed column files"],
    ["--out <path>", "the file, or with --all the directory; it appears once it is whole"],
    ["--force", "replace what is there"],
    json,
  ],
  examples: ["tidemark export --all --format sqlite --out platform.sqlite", "tidemark export --table enrollments --format parquet --out enrollments.parquet", "tidemark export --dataset propensity --format parquet --out propensity.parquet"],
  run: async (context) => (await import("../export-command.ts")).runExportCommand(context),
};

export const importCommand: CommandDefinition = {
  name: "import",
  summary: "Begin with a history of your own: CSV tables become events, each once however often this is run. Ends with 2 when rows were rejected.",
  settings: ["nats_url", "data_dir", "archive_dir", "events_max_gib", "events_max_days"],
  arguments: [["[directory]", "a directory with enrollments.csv, courses.csv and so on; what has a flag may lie elsewhere"]],
  options: [
    ["--enrollments <file>", "who enrolled in what, when, at which price, and what came of it"],
    ["--token-transactions <file>", "tokens purchased, earned, spent, refunded, expired"],
    ["--exposures <file>", "who saw which course at which price: what demand is measured against"],
    ["--activities <file>", "sessions, assignments, forum posts, ratings"],
    ["--price-changes <file>", "list prices, with their random part where there was one (jitter_base, jitter_sigma, jitter_probability)"],
    ["--competitor-prices <file>", "prices of competitors, by category or course"],
    ["--learners <file>", "when they registered, where, what they learn with and for"],
    ["--courses <file>", "teacher, category, difficulty, quality, price, launch"],
    ["--teachers <file>", "quality score, lowest and highest price"],
    ["--map <table.column=header...>", "which column of the file it is, where the guess is wrong: learners.registered_at=signup_date"],
    ["--set <table.column=value...>", "a value for rows that have none, or a column that there is not: courses.quality_tier=standard"],
    ["--rejected <file>", "where rejected rows are listed with line and reason (default: tidemark-rejected.csv)"],
    ["--strict", "publish nothing if any row is rejected"],
    ["--lenient", "end with 0 although rows were rejected"],
    ["--dry-run", "read and check only"],
    ["--force", "replace the file that --rejected names"],
    json,
  ],
  examples: ["tidemark import deploy/examples/history", "tidemark import --learners users.csv --courses courses.csv --enrollments orders.csv --map learners.registered_at=signup_date --dry-run"],
  run: async (context) => (await import("../import-command.ts")).runImportCommand(context),
};
