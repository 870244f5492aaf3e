import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../../lib/log.ts";
import { type EmbeddedBroker, startEmbeddedBroker } from "../embedded-broker.ts";
import { Broker } from "../nats.ts";

export interface TestBroker {
  /** Of the test: removed with all that is in it. */
  readonly directory: string;
  readonly server: EmbeddedBroker;
  readonly broker: Broker;
  /** Starts another server on the same port and data, once `server` is stopped; `stop` ends it as well. */
  startAgain(): Promise<EmbeddedBroker>;
  stop(): Promise<void>;
}

/** A broker of a test's own in a directory of its own, with its streams, and a connection to it. */
export async function startTestBroker(name: string): Promise<TestBroker> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), `tidemark-${name}-`)));
  const start = (port?: number): Promise<EmbeddedBroker> => startEmbeddedBroker({ data_dir: join(directory, "nats"), ...(port === undefined ? {} : { port }), logger: silentLogger });
  const server = await start();
  const broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
  let latest = server;
  const startAgain = async (): Promise<EmbeddedBroker> => (latest = await start(Number(new URL(server.url).port)));
  const stop = async (): Promise<void> => {
    await broker.close();
    await latest.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, server, broker, startAgain, stop };
}
