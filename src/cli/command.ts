import type { ReadConfig } from "./config.ts";
import type { SettingName } from "./settings.ts";

/** What a command is run with. */
export interface CommandContext {
  readonly read: ReadConfig;
  /** Flags that are not settings, such as --json. */
  readonly options: Readonly<Record<string, unknown>>;
  /** What stands on the command line beside the flags. */
  readonly arguments: readonly string[];
  /** Aborted when the process is asked to stop. */
  readonly signal: AbortSignal;
}

export interface CommandDefinition {
  readonly name: string;
  readonly summary: string;
  /** Settings that have a flag on this command. All others still come from variables. */
  readonly settings: readonly SettingName[];
  readonly options?: readonly (readonly [flag: string, description: string])[];
  /** What it takes beside flags: <one>, or [any...]. */
  readonly arguments?: readonly (readonly [usage: string, description: string])[];
  readonly examples: readonly string[];
  /** Not shown in the help: only the supervisor runs it. */
  readonly hidden?: boolean;
  /** Loads the command's code, so that no command pays for another's. Resolves to the exit code. */
  readonly run: (context: CommandContext) => Promise<number>;
}

/** Commands that go by a common first word, such as `dlq list` and `dlq show`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandDefinition[];
}

export function isGroup(entry: CommandDefinition | CommandGroup): entry is CommandGroup {
  return "commands" in entry;
}
