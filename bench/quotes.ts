import { systemClock } from "../src/lib/clock.ts";
import type { Platform } from "./platform.ts";

interface Health {
  readonly decisions: { readonly recorded: number; readonly pending: number; readonly dropped: number };
}

/**
 * Of the decisions that the engine made, the share that stands in QUOTES once its queue is empty. Decisions are counted
 * by the engine where they are priced, messages by the broker.
 */
export async function decisionShare(platform: Platform): Promise<{ share: number; decisions: number }> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const { decisions } = (await (await fetch(`${platform.url}/health`)).json()) as Health;
    if (decisions.pending === 0) {
      const made = decisions.recorded + decisions.dropped;
      const stored = (await platform.broker.streamInfo("QUOTES"))?.messages ?? 0;
      return { share: made === 0 ? 0 : stored / made, decisions: made };
    }
    await systemClock.sleep(100);
  }
  return { share: 0, decisions: 0 };
}
