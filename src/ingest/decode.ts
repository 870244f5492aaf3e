import type { DeadLetterReason } from "../contracts/dead-letter.ts";
import type { StreamEvent } from "../contracts/events.ts";
import type { BrokerMessage } from "./broker-message.ts";

/** Why a message cannot be folded. */
export interface Refusal {
  readonly reason: DeadLetterReason;
  readonly field?: string;
  readonly detail: string;
}

export function isRefusal(decoded: StreamEvent | Refusal): decoded is Refusal {
  return "reason" in decoded;
}

export function decodeEvent(_message: BrokerMessage): StreamEvent | Refusal {
  throw new Error("being written");
}
