import { TidemarkError } from "../lib/errors.ts";
import { type CommandDefinition, type CommandGroup, isGroup } from "./command.ts";
import { settings } from "./settings.ts";

type Entries = readonly (CommandDefinition | CommandGroup)[];

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Words {
  /** The words before: "", "dlq", "dlq list". */
  readonly after: string;
  readonly words: readonly string[];
}

function flagsOf({ settings: own, options = [] }: CommandDefinition): string[] {
  return [...own.map((name) => settings[name].flag), ...options.map(([flag]) => flag.split(" ")[0]!), "--help"];
}

const shown = (entry: CommandDefinition | CommandGroup): boolean => isGroup(entry) || entry.hidden !== true;

/** What may follow what. */
function tree(entries: Entries): Words[] {
  const visible = entries.filter(shown);
  const commands = visible.flatMap((entry): Words[] => {
    if (!isGroup(entry)) return [{ after: entry.name, words: flagsOf(entry) }];
    return [{ after: entry.name, words: entry.commands.map(({ name }) => name) }, ...entry.commands.map((command) => ({ after: `${entry.name} ${command.name}`, words: flagsOf(command) }))];
  });
  return [{ after: "", words: [...visible.map(({ name }) => name), "--help", "--version"] }, ...commands];
}

function bash(words: readonly Words[]): string {
  const cases = words.map(({ after, words: next }) => `    ${JSON.stringify(after)}) words=${JSON.stringify(next.join(" "))} ;;`);
  return `# tidemark completion: source <(tidemark completion bash)
_tidemark() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" i
  for ((i = 1; i < COMP_CWORD && i <= 2; i++)); do
    [[ "\${COMP_WORDS[i]}" == -* ]] && break
    path="\${path:+$path }\${COMP_WORDS[i]}"
  done
  case "$path" in
${cases.join("\n")}
    *) case "\${path%% *}" in
${cases.map((line) => `  ${line}`).join("\n")}
      esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _tidemark tidemark
`;
}

function fish(entries: Entries): string {
  const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const flags = (command: CommandDefinition, condition: string): string[] => flagsOf(command).map((flag) => `complete -c tidemark -n ${quote(condition)} -l ${flag.slice(2)}`);
  const lines: string[] = [];
  for (const entry of entries.filter(shown)) {
    lines.push(`complete -c tidemark -f -n __fish_use_subcommand -a ${entry.name} -d ${quote(entry.summary)}`);
    if (!isGroup(entry)) {
      lines.push(...flags(entry, `__fish_seen_subcommand_from ${entry.name}`));
      continue;
    }
    const none = `__fish_seen_subcommand_from ${entry.name}; and not __fish_seen_subcommand_from ${entry.commands.map(({ name }) => name).join(" ")}`;
    for (const command of entry.commands) {
      lines.push(`complete -c tidemark -f -n ${quote(none)} -a ${command.name} -d ${quote(command.summary)}`);
      lines.push(...flags(command, `__fish_seen_subcommand_from ${entry.name}; and __fish_seen_subcommand_from ${command.name}`));
    }
  }
  return `# tidemark completion: tidemark completion fish | source\n${lines.join("\n")}\n`;
}

/** The script that makes a shell complete commands and flags, from the table of commands itself. Throws TidemarkError `bad_usage`. */
export function completionScript(entries: Entries, shell: string | undefined): string {
  const known = shells.find((name) => name === shell);
  if (known === undefined) throw new TidemarkError("bad_usage", `the shell is ${JSON.stringify(shell)}\n  allowed: one of ${shells.join(", ")}`);
  if (known === "fish") return fish(entries);
  const script = bash(tree(entries));
  return known === "bash" ? script : `autoload -U +X bashcompinit && bashcompinit\n${script.replace("completion bash", "completion zsh")}`;
}
