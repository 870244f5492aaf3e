import type { CommandContext } from "./command.ts";
import { describeConfig } from "./config.ts";
import { EXIT_OK } from "./exit-codes.ts";

/** `tidemark config`: every setting, its value with secrets masked, and where the value comes from. */
export function runConfigCommand({ read, options }: CommandContext): number {
  const rows = describeConfig(read);
  if (options["json"] === true) {
    console.log(JSON.stringify(Object.fromEntries(rows.map(({ name, value, source }) => [name, { value, source }])), null, 2));
    return EXIT_OK;
  }
  const width = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length));
  const names = width(rows.map(({ name }) => name));
  const values = width(rows.map(({ value }) => String(value ?? "-")));
  for (const { name, value, source, description } of rows) {
    console.log(`${name.padEnd(names)}  ${String(value ?? "-").padEnd(values)}  ${source.padEnd(11)}  ${description}`);
  }
  return EXIT_OK;
}
