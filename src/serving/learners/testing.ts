import type { Event } from "../../contracts/events.ts";
import { type LearnerScoresAnswer, learnerScoresSchema } from "../../contracts/learner-scores.ts";
import { dimensions } from "../../contracts/propensity.ts";
import { assert } from "../../lib/assert.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { learnerPosition } from "../../models/propensity/learner-vector.ts";
import type { PropensityScorer } from "../../models/propensity/scorer.ts";
import { START_MS, type TestEngine } from "../testing.ts";

const BALANCE = learnerPosition("balance_tokens");
const CHURN_BALANCE = learnerPosition("earned_tokens");

/** Enrolls by the tokens purchased, churns by those earned: a balance of 700 is an enrollment score of 0.7, 400 tokens earned are a churn score of 0.4. */
export function testScorer(version = "p1", shift = 0): PropensityScorer {
  const clip = (score: number): number => Math.min(1, Math.max(0, score + shift));
  return {
    version,
    digest: `digest-${version}`,
    score(features, into) {
      into.fill(0.25);
      into[0] = clip((features[BALANCE]! - features[CHURN_BALANCE]!) / 1_000);
      into[1] = clip(features[CHURN_BALANCE]! / 1_000);
    },
    intervals(_features, scores, low, high) {
      for (let i = 0; i < dimensions.length; i++) {
        low[i] = Math.max(0, scores[i]! - 0.1);
        high[i] = Math.min(1, scores[i]! + 0.1);
      }
    },
    explain: (features, dimension) => (dimension === "enrollment" ? [{ input: "balance_tokens", value: features[BALANCE]!, contribution: 0.5 }] : []),
    priceEffect: () => ({ value: -3, se: 0.1 }),
    model: () => "boosting",
  };
}

let events = 0;
const next = (): string => `le${events++}`;

/** Moves a learner's enrollment score (`purchased`) or churn score (`earned`) of the test scorer by a thousandth a token. */
export function tokens(learner_id: string, type: "purchased" | "earned" | "spent", amount: number, time_ms = START_MS): Event {
  return { id: next(), type: `token.${type}`, time: formatTime(time_ms), learner_id, amount };
}

export function registered(learner_id: string): Event {
  return { id: next(), type: "learner.upserted", time: formatTime(START_MS - DAY_MS), learner_id, registered_at: formatTime(START_MS - 30 * DAY_MS) };
}

export function enrolledIn(learner_id: string, course_id: string, price: number, type: "created" | "completed" | "dropped" = "created"): Event {
  const id = next();
  const time = formatTime(START_MS - DAY_MS);
  return type === "created" ? { id, type: "enrollment.created", time, enrollment_id: id, course_id, learner_id, price } : { id, type: `enrollment.${type}`, time, enrollment_id: id, course_id, learner_id };
}

/** What GET /learner/{id}/propensity answers, held to its schema. */
export async function askScores(engine: TestEngine, learner_id: string): Promise<LearnerScoresAnswer> {
  const response = await engine.app.request(`/learner/${learner_id}/propensity`);
  assert(response.status === 200, `${learner_id}: ${response.status}`);
  return learnerScoresSchema.strict().parse(await response.json());
}
