import type { StreamEvent } from "../contracts/events.ts";
import type { Broker } from "./nats.ts";

export interface ReplayedRange {
  readonly first_sequence: number;
  readonly last_sequence: number;
  readonly stream_created: string;
}

export function replayEvents(_broker: Broker, _options: { readonly last_sequence?: number }, _onEvent: (event: StreamEvent) => void): Promise<ReplayedRange> {
  throw new Error("being written");
}
