import type { Check } from "../../contracts/training-run.ts";
import type { ReplayCounts } from "../dataset.ts";
import { judge } from "./check-limits.ts";

/** What a replay had to leave out. */
export function streamChecks({ events, refused, duplicates }: ReplayCounts): Omit<Check, "stage">[] {
  const letters = Object.values(refused).reduce((sum, count) => sum + count, 0);
  const reasons = Object.entries(refused).map(([reason, count]) => `${count} ${reason}`);
  return [
    judge("quality.refused", letters / Math.max(1, events + letters), letters === 0 ? "no dead letter among the events" : `${letters} of ${events + letters} messages are dead letters: ${reasons.join(", ")}`),
    judge("quality.duplicates", duplicates / Math.max(1, events), `${duplicates} of ${events} events came a second time and count once`),
  ];
}
