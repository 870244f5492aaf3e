import { type Segment, segments } from "../../contracts/segments.ts";
import { riskLevelOf, segmentOf } from "./segments.ts";

/** How far a score must lie beyond a boundary to cross it: a score that trembles about one tells nobody anything. */
const HYSTERESIS = 0.02;

/** What has been told of a learner. */
export interface Told {
  readonly segment: Segment;
  /** That the risk of churn is high. */
  readonly alerted: boolean;
}

function nextSegment(current: Segment, enrollment: number): Segment {
  const rank = segments.indexOf(current);
  const moved = segments.indexOf(segmentOf(enrollment - HYSTERESIS)) > rank || segments.indexOf(segmentOf(enrollment + HYSTERESIS)) < rank;
  return moved ? segmentOf(enrollment) : current;
}

/** What is to be told of a learner with these scores of whom `told` was told, if anything: the same object where nothing has changed. */
export function nextTold(told: Told | undefined, enrollment: number, churn: number): Told {
  if (told === undefined) return { segment: segmentOf(enrollment), alerted: riskLevelOf(churn) === "high" };
  const segment = nextSegment(told.segment, enrollment);
  const alerted = riskLevelOf(told.alerted ? churn + HYSTERESIS : churn - HYSTERESIS) === "high";
  return segment === told.segment && alerted === told.alerted ? told : { segment, alerted };
}
