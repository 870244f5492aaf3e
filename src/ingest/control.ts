import type { ModelPromoted } from "../contracts/control.ts";
import type { Broker } from "./nats.ts";

/** Publishes a promotion on CONTROL; returns its sequence. */
export function promoteModel(_broker: Broker, _promotion: ModelPromoted): Promise<number> {
  throw new Error("being written");
}
