import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { natsServerPath } from "./broker-config.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tidemark-path-"));
});
afterEach(() => rm(root, { recursive: true }));

async function program(directory: string, mode = 0o755): Promise<string> {
  await mkdir(join(root, directory), { recursive: true });
  await writeFile(join(root, directory, "nats-server"), "", { mode });
  return join(root, directory, "nats-server");
}

test("nats-server is found along PATH, then where daemons are kept, and only if it can be run", async () => {
  const [bin, sbin] = [join(root, "bin"), join(root, "sbin")];
  expect(natsServerPath(`/nonexistent:${bin}`, [sbin])).toBe("nats-server");
  const daemon = await program("sbin");
  await program("bin", 0o644);
  await mkdir(join(root, "folder", "nats-server"), { recursive: true });
  // An ordinary user's PATH: neither a plain file nor a directory of that name counts.
  expect(natsServerPath(`:${join(root, "folder")}:${bin}`, [sbin])).toBe(daemon);
  expect(natsServerPath("", [sbin])).toBe(daemon);
  const own = await program("own");
  expect(natsServerPath(join(root, "own"), [sbin])).toBe(own);
});
