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
  stop(): Promise<void>;
}

/** A broker of a test's own in a directory of its own, with its streams, and a connection to it. */
export async function startTestBroker(name: string): Promise<TestBroker> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), `tidemark-${name}-`)));
  const server = await startEmbeddedBroker({ data_dir: join(directory, "nats"), logger: silentLogger });
  const broker = await Broker.connect({ url: server.url, name: "test" });
  await broker.ensureStreams();
  const stop = async (): Promise<void> => {
    await broker.close();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, server, broker, stop };
}
