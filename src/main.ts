#!/usr/bin/env node
import { commands } from "./cli/commands.ts";
import { runProgram } from "./cli/program.ts";
import { programVersion } from "./cli/version.ts";

// Exits rather than waits: whatever a command left open has been told to stop by now.
process.exit(await runProgram(commands, programVersion(), process.argv.slice(2), process.env));
