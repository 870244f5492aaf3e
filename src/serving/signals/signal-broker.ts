import type { Broker } from "../../ingest/nats.ts";

/** What signals ask of the broker. */
export type SignalBroker = Pick<Broker, "connected" | "publish" | "getMessage" | "streamInfo" | "consume" | "getObject" | "putObject">;
