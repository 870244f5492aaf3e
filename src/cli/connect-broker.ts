import { Broker } from "../ingest/nats.ts";
import type { CommandContext } from "./command.ts";
import { maskUrl } from "./config.ts";
import { brokerUrl } from "./nats-url.ts";

/** The broker that a command works with. As long as there is none it waits, until the signal, and has that said once. */
export function connectBroker({ read: { config }, signal }: CommandContext, name: string, say: (text: string) => void = (text) => console.error(text)): Promise<Broker> {
  const url = brokerUrl(config);
  return Broker.connect({ url, name, signal, onWaiting: () => say(`waiting for the broker: nothing answers at ${maskUrl(url)}`) });
}
