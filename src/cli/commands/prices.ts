import type { CommandDefinition } from "../command.ts";
import { json } from "./common-options.ts";

// Prices, and how a quantity answers them.

export const optimizeCommand: CommandDefinition = {
  name: "optimize",
  summary: "Ask for the prices of all courses, or of those named, and write them to a CSV file with a seeded test group.",
  settings: ["host", "port", "data_dir", "engine_url", "key_file"],
  options: [
    ["--all", "every course that the engine knows"],
    ["--out <file>", "the CSV file"],
    ["--objective <objective>", "revenue, enrollments or margin (default: the policy's)"],
    ["--test-share <share>", "share of courses in the treatment group (default: 0.5)"],
    ["--test-seed <text>", "groups are drawn by it and the course's id (default: optimize)"],
    json,
  ],
  arguments: [["[courses...]", "the courses, instead of --all"]],
  examples: ["tidemark optimize --all --out prices.csv", "tidemark optimize C00001 C00002 --out prices.csv --objective enrollments"],
  run: async (context) => (await import("../optimize-command.ts")).runOptimizeCommand(context),
};

export const priceCommand: CommandDefinition = {
  name: "price",
  summary: "Ask the running engine for a course's price, and show everything behind it.",
  settings: ["engine_url", "key_file", "host", "port", "data_dir"],
  arguments: [["<course_id>", "the course"]],
  options: [["--current-price <tokens>", "what it costs now (default: its list price)"], ["--objective <objective>", "revenue, enrollments or margin"], json],
  examples: ["tidemark price C00001", "tidemark price C00001 --objective enrollments --json"],
  run: async (context) => (await import("../price-command.ts")).runPriceCommand(context),
};

export const elasticityCommand: CommandDefinition = {
  name: "elasticity",
  summary: "Estimate how a quantity answers a price in a table of yours (CSV or Parquet), with errors that can be believed, or say why it cannot be known.",
  settings: ["seed"],
  options: [
    ["--data <file>", "the table: a .csv or .parquet file"],
    ["--quantity <column>", "what was sold"],
    ["--price <column>", "at which price"],
    ["--method <method>", "ols, 2sls, dml, poisson or hierarchical (default: 2sls with instruments, hierarchical with a group, else ols)"],
    ["--controls <columns>", "what else moves both, separated by commas; texts become one column a value"],
    ["--categorical <columns>", "controls that are labels although they look like numbers"],
    ["--instruments <columns>", "what moves the price, and the quantity only through it: a random part of the price, say"],
    ["--fixed-effects <columns>", "dimensions whose every value has an effect of its own, absorbed"],
    ["--cluster <columns>", "one or two dimensions within which errors may depend on each other"],
    ["--panel-time <column>", "orders the rows of each unit (the first cluster or fixed effect): one row a time, errors clustered by unit"],
    ["--first-differences", "each row less its unit's row before, instead of the unit's fixed effect"],
    ["--logs", "of price and quantity: coefficients are elasticities (default)"],
    ["--levels", "as they are: elasticity at the means"],
    ["--counts", "the quantity is a count: the model has its logarithm inside, and zeros are welcome (poisson, dml, hierarchical)"],
    ["--exposure <column>", "of counts: what they are proportional to"],
    ["--offset <column>", "of counts: the exposure's logarithm"],
    ["--weights <column>", "precision of the rows; only ratios matter"],
    ["--errors <kind>", "iid, HC0, HC1, HC2, HC3 or clustered (default: clustered with --cluster, else HC1)"],
    ["--group <column>", "of hierarchical: estimated by group, shrunk towards their mean"],
    ["--heterogeneity <columns>", "of dml: whether, and how, the effect differs with these"],
    ["--learner <name>", "of dml: ridge, boosting or best, whichever predicts a column better (default: best)"],
    ["--folds <count>", "of dml (default: 5)"],
    ["--repeats <count>", "of dml: draws of folds (default: 5)"],
    ["--drop-invalid", "leave out rows with a missing value or one without a logarithm, instead of refusing them"],
    ["--json", "print the report as JSON"],
    ["--out <file>", "write the report as JSON"],
    ["--force", "replace what is there"],
  ],
  examples: [
    "tidemark elasticity --data sales.csv --quantity enrollments --price price --instruments jitter --fixed-effects course_id,week --cluster course_id",
    "tidemark elasticity --data sales.parquet --quantity enrollments --price price --method poisson --exposure exposures --fixed-effects course_id --cluster course_id --out elasticity.json",
    "tidemark elasticity --data sales.csv --quantity sold --price price --method dml --controls rating,age,category --cluster course_id",
  ],
  run: async (context) => (await import("../elasticity-command.ts")).runElasticityCommand(context),
};
