import { Command, CommanderError } from "commander";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import { type CommandDefinition, type CommandGroup, isGroup } from "./command.ts";
import { readConfig } from "./config.ts";
import { EXIT_OK, EXIT_PERMANENT, exitCodeOf } from "./exit-codes.ts";
import { processLifetime } from "./lifetime.ts";
import { settings } from "./settings.ts";

const EXIT_CODES = `
Exit codes:
  0    done, or stopped as asked
  1    failed; running it again may help
  2    wrong usage or configuration, or a state that running it again cannot mend; the message says what to do
  130  stopped at once by a second Ctrl-C

Every setting is also a variable, TIDEMARK_PORT for --port and so on; flags win. \`tidemark config\` shows them all.`;

function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((example) => `  $ ${example}`).join("\n")}`;
}

function camelCase(flag: string): string {
  return flag.slice(2).replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function addCommand(program: Command, definition: CommandDefinition, environment: NodeJS.ProcessEnv, finish: (code: number) => void): void {
  const command = program.command(definition.name, { hidden: definition.hidden ?? false }).description(definition.summary);
  for (const name of definition.settings) {
    const { flag, alias, description, type } = settings[name];
    command.option(`${alias === undefined ? "" : `${alias}, `}${flag} <value>`, `${description} (${type})`);
  }
  for (const [flag, description] of definition.options ?? []) command.option(flag, description);
  for (const [usage, description] of definition.arguments ?? []) command.argument(usage, description);
  if (definition.examples.length > 0) command.addHelpText("after", examplesText(definition.examples));
  command.action(async () => {
    const options = command.opts<Record<string, unknown>>();
    const flags = Object.fromEntries(definition.settings.map((name) => [name, options[camelCase(settings[name].flag)]]));
    finish(await definition.run({ read: readConfig(environment, flags), options, arguments: command.args, signal: processLifetime() }));
  });
}

function add(program: Command, entry: CommandDefinition | CommandGroup, environment: NodeJS.ProcessEnv, finish: (code: number) => void): void {
  if (!isGroup(entry)) return addCommand(program, entry, environment, finish);
  const group = program.command(entry.name).description(entry.summary);
  for (const definition of entry.commands) addCommand(group, definition, environment, finish);
}

/** Every command, those of groups included. */
function allCommands(entries: readonly (CommandDefinition | CommandGroup)[]): CommandDefinition[] {
  return entries.flatMap((entry) => (isGroup(entry) ? entry.commands : [entry]));
}

/** Tells whoever started this process why it ends: a supervisor over its channel, a person on standard error. */
async function tellFailure(error: unknown, code: number): Promise<void> {
  const expected = error instanceof TidemarkError;
  process.stderr.write(`${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  if (code !== EXIT_PERMANENT || !process.connected) return;
  await new Promise<void>((resolve) => {
    process.send?.({ type: "failed", code: expected ? error.code : "failed", message: errorMessage(error) }, () => resolve());
  });
}

/** Parses the command line and runs one command; resolves to the exit code. */
export async function runProgram(entries: readonly (CommandDefinition | CommandGroup)[], version: string, argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  let code = EXIT_OK;
  const program = new Command("tidemark")
    .description("Stream-processing, real-time token pricing engine for learning platforms.")
    .version(version)
    .exitOverride()
    .showHelpAfterError("(run with --help for what there is)")
    .addHelpText("after", `${examplesText(allCommands(entries).filter(({ hidden }) => hidden !== true).flatMap(({ examples }) => examples.slice(0, 1)))}\n${EXIT_CODES}`);
  for (const entry of entries) {
    add(program, entry, environment, (result) => {
      code = result;
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    // Commander has already written its own message; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_PERMANENT;
    const failed = exitCodeOf(error);
    await tellFailure(error, failed);
    return failed;
  }
}
