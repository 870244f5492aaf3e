import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import { TestEngine } from "../serving/testing.ts";
import type { CommandContext } from "./command.ts";
import { readConfig } from "./config.ts";

export interface EngineCommands {
  readonly engine: TestEngine;
  /** Goes at the end. */
  readonly directory: string;
  /** What the commands of the present test have printed. */
  readonly printed: readonly string[];
  /** `url`: of another engine than the one that listens. */
  context(args: readonly string[], options?: Record<string, unknown>, url?: string): CommandContext;
  /** Path of a file with text, or with anything else as JSON. */
  file(name: string, content: unknown): string;
}

/** Commands against an engine in memory that listens while the tests of the calling file run. */
export function engineCommands(): EngineCommands {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-command-"));
  const engine = new TestEngine();
  let server: Server;
  let printed: string[] = [];

  beforeAll(async () => {
    engine.foldCatalogue();
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "GET", url = "/" } = request;
        const headers = { "content-type": request.headers["content-type"] ?? "", "content-length": String(Buffer.concat(chunks).length) };
        void Promise.resolve(engine.app.request(url, { method, headers, ...(method === "GET" ? {} : { body: Buffer.concat(chunks) }) })).then(async (answer) => {
          response.writeHead(answer.status);
          response.end(await answer.text());
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });

  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });

  beforeEach(() => {
    printed = [];
    vi.spyOn(console, "log").mockImplementation((text: string) => void printed.push(text));
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  return {
    engine,
    directory,
    get printed() {
      return printed;
    },
    context: (args, options = {}, url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`) => ({
      read: readConfig({ TIDEMARK_ENGINE_URL: url, TIDEMARK_DATA_DIR: directory }, {}),
      options,
      arguments: args,
      signal: new AbortController().signal,
    }),
    file: (name, content) => {
      const path = join(directory, name);
      writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
      return path;
    },
  };
}
