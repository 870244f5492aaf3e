import { systemClock } from "../lib/clock.ts";
import type { CommandContext } from "./command.ts";
import { doctorChecks, examine, type Finding } from "./doctor-checks.ts";
import { EXIT_OK, EXIT_PERMANENT } from "./exit-codes.ts";

const marks = { ok: "✓", warning: "!", failure: "✗" } as const;

function line(name: string, { verdict, detail, advice }: Finding): string {
  return `${marks[verdict]} ${name.padEnd(12)} ${detail}${advice === "" ? "" : `\n${" ".repeat(15)}→ ${advice}`}`;
}

/** `tidemark doctor`: what the machine, the broker and the store are like, with advice. Ends with 2 when something cannot work. */
export async function runDoctorCommand({ read: { config }, options }: CommandContext): Promise<number> {
  const scope = { config, clock: systemClock, node_version: process.versions.node };
  const findings: ({ readonly check: string } & Finding)[] = [];
  for (const check of doctorChecks) {
    const finding = await examine(check, scope);
    findings.push({ check: check.name, ...finding });
    if (options["json"] !== true) console.log(line(check.name, finding));
  }
  if (options["json"] === true) console.log(JSON.stringify(findings, null, 2));
  return findings.some(({ verdict }) => verdict === "failure") ? EXIT_PERMANENT : EXIT_OK;
}
