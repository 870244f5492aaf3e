import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { freePort } from "./broker-config.ts";
import { startEmbeddedBroker } from "./embedded-broker.ts";
import { Broker } from "./nats.ts";
import { describeProcess } from "./process-table.ts";

const modulePath = join(import.meta.dirname, "../../dist/src/ingest/embedded-broker.js");

describe("embedded broker", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "tidemark-broker-"));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });
  const start = (port?: number) => startEmbeddedBroker({ data_dir: directory, logger: silentLogger, ...(port === undefined ? {} : { port }) });

  it("listens on loopback alone, on the port asked for, and keeps its store across restarts", async () => {
    const port = await freePort();
    const first = await start(port);
    expect(first.url).toBe(`nats://127.0.0.1:${port}`);
    expect(first.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(await readFile(join(directory, "nats-server.conf"), "utf8")).toContain(`listen: "127.0.0.1:${port}"`);
    const broker = await Broker.connect({ url: first.url, name: "test" });
    await broker.ensureStreams();
    const { sequence } = await broker.publish("events.course.c1", new Uint8Array([1]));
    await broker.close();
    const pid = first.pid();
    await first.stop();
    expect(describeProcess(pid)).toBeUndefined();
    const second = await start();
    const again = await Broker.connect({ url: second.url, name: "test" });
    expect((await again.streamInfo("EVENTS"))?.last_sequence).toBe(sequence);
    await again.close();
    await second.stop();
  });

  it("starts a killed server again on the same port", async () => {
    const server = await start();
    const pid = server.pid();
    process.kill(pid, "SIGKILL");
    while (server.pid() === pid) await systemClock.sleep(10);
    const broker = await Broker.connect({ url: server.url, name: "test" });
    await broker.ensureStreams();
    await broker.close();
    expect(describeProcess(server.pid())?.command).toContain(directory);
    await server.stop();
    expect(describeProcess(server.pid())).toBeUndefined();
  });

  it("refuses a directory whose owner lives, and stops the server that a killed owner left", async () => {
    const script = `import { startEmbeddedBroker } from ${JSON.stringify(pathToFileURL(modulePath).href)};
      const log = () => undefined;
      const server = await startEmbeddedBroker({ data_dir: ${JSON.stringify(directory)}, logger: { debug: log, info: log, warn: log, error: log } });
      process.stdout.write(String(server.pid()));
      setInterval(log, 1000);`;
    const owner = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const orphan = await new Promise<number>((resolve) => {
      owner.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
    });
    await expect(start()).rejects.toMatchObject({ code: "data_dir_in_use" });
    expect(describeProcess(orphan)).toBeDefined();
    const exited = new Promise((resolve) => {
      owner.once("exit", resolve);
    });
    owner.kill("SIGKILL");
    await exited;
    expect(describeProcess(orphan)).toBeDefined();
    const server = await start();
    expect(describeProcess(orphan)).toBeUndefined();
    expect(server.pid()).not.toBe(orphan);
    await server.stop();
  });

  it("says why when the server cannot start", async () => {
    const first = await start();
    const port = Number(new URL(first.url).port);
    const other = await mkdtemp(join(tmpdir(), "tidemark-broker-"));
    const started = startEmbeddedBroker({ data_dir: other, port, logger: silentLogger });
    const error = await started.then((server) => server.stop()).catch((reason: unknown) => reason);
    await first.stop();
    await rm(other, { recursive: true, force: true });
    expect(error).toMatchObject({ code: "broker_start_failed", message: expect.stringContaining("address already in use") });
  });

  it("says what to install when there is no nats-server", () => {
    const script = `import { installedVersion } from ${JSON.stringify(pathToFileURL(join(modulePath, "../broker-config.js")).href)};
      await installedVersion("nats-server").catch((error) => process.stdout.write(error.code + " " + error.message));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { env: { PATH: directory }, encoding: "utf8" });
    expect(output).toMatch(/^nats_server_missing .*apt-get install nats-server/);
  });

  it("can be waited for before it is there, and the wait can be given up", async () => {
    const port = await freePort();
    const connecting = Broker.connect({ url: `nats://127.0.0.1:${port}`, name: "early" });
    const server = await start(port);
    const broker = await connecting;
    expect(broker.connected).toBe(true);
    await broker.close();
    await server.stop();
    const stop = new AbortController();
    const waiting = Broker.connect({ url: server.url, name: "late", signal: stop.signal });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: "broker_unreachable" });
  });
});
