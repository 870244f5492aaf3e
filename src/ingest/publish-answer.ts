import { TidemarkError } from "../lib/errors.ts";
import type { PublishAck } from "./broker-message.ts";

/** JetStream's system is starting or moving: nothing was stored, the same request may work soon. */
export const API_TEMPORARILY_UNAVAILABLE = 10_008;
const API_WRONG_LAST_SEQUENCE = 10_071;

export interface PublishAnswer {
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

/** What the broker says to one publish: stored, or why not. */
export function readPublishAnswer(subject: string, answer: PublishAnswer): PublishAck {
  const { error } = answer;
  if (error === undefined) return { sequence: answer.seq ?? 0, duplicate: answer.duplicate === true };
  const description = error.description ?? `error ${error.code}`;
  if (error.err_code === API_WRONG_LAST_SEQUENCE) throw new TidemarkError("wrong_last_sequence", `${subject}: ${description}`);
  if (error.err_code === API_TEMPORARILY_UNAVAILABLE) throw new TidemarkError("broker_unreachable", description);
  throw new TidemarkError("broker_refused", `the broker refused a message on ${subject}: ${description}`);
}
