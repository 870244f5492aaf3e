import type { ExperimentResults } from "../../contracts/experiment-results.ts";
import type { ArmPrice } from "../../contracts/experiment.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import type { ExperimentState } from "./experiment-state.ts";

function priceText(price: ArmPrice): string {
  return price.kind === "policy" ? `${price.policy_id}-${price.revision}` : price.kind;
}

/** What results of both kinds of unit begin with. */
export function resultFrame(
  { arms, stopped_arms, from_ms, until_ms }: ExperimentState,
  now_ms: number,
  of: (arm: string) => Pick<ExperimentResults["arms"][number], "units" | "counted" | "mean">,
): Pick<ExperimentResults, "as_of" | "days" | "share_read" | "arms"> {
  return {
    as_of: formatTime(now_ms),
    days: from_ms === undefined ? 0 : Math.max(0, (Math.min(now_ms, until_ms) - from_ms) / DAY_MS),
    share_read: 1,
    arms: arms.map(({ name, price, probability }) => {
      const stopped_ms = stopped_arms.get(name);
      return { name, price: priceText(price), probability, stopped_at: stopped_ms === undefined ? null : formatTime(stopped_ms), ...of(name) };
    }),
  };
}
