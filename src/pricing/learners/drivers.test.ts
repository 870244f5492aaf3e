import { describe, expect, test } from "vitest";
import { learnerAttributes } from "../../contracts/learner-attributes.ts";
import { NEVER_DAYS } from "../../features/definition.ts";
import { handScorer } from "../../models/propensity/hand-scorer.ts";
import { inputFeature } from "../../models/propensity/inputs.ts";
import { learnerPosition, learnerVector } from "../../models/propensity/learner-vector.ts";
import { driversOf, phraseOf } from "./drivers.ts";

describe("drivers", () => {
  test("say the strongest in plain words, with the learner's own values", () => {
    const drivers = driversOf([
      { input: "days_since_last_enrollment", value: NEVER_DAYS, contribution: -0.9 },
      { input: "completion_rate", value: 0.256, contribution: 0.4 },
      { input: "balance_tokens", value: 1, contribution: 0.123_456 },
      { input: "days_active_since_registration", value: 40.2, contribution: -0.1 },
      { input: "enrolled", value: 0, contribution: 0.05 },
    ]);
    expect(drivers.map(({ text }) => text)).toEqual([
      "days since the last enrollment: never, which lowers it",
      "share of enrollments completed: 26 %, which raises it",
      "balance: 1 token, which raises it",
      "days between registration and the last activity: 40.2, which lowers it",
    ]);
    expect(drivers[2]).toEqual({ feature: "balance_tokens", value: 1, direction: "raises", effect: 0.1235, text: drivers[2]!.text });
  });

  test("an attribute is one reason, by its word, however many inputs a model makes of it", () => {
    const drivers = driversOf([
      { input: "goal", value: 1, contribution: 0.3 },
      { input: "balance_tokens", value: 7, contribution: -0.25 },
      { input: "goal", value: 1, contribution: -0.2 },
      { input: "device", value: 0, contribution: 0.02 },
    ]);
    expect(drivers.map(({ feature, effect }) => [feature, effect])).toEqual([["balance_tokens", -0.25], ["goal", 0.1], ["device", 0.02]]);
    expect(drivers[1]!.text).toBe(`learns for: ${learnerAttributes.goal[0]}, which raises it`);
    expect(drivers[2]!.text).toBe("learns mostly with: unknown, which raises it");
  });

  test("what hardly moves a score is no driver", () => {
    expect(driversOf([{ input: "enrolled", value: 0, contribution: 0.001 }])).toEqual([]);
  });

  test("of hand scores: their parts", () => {
    const features = new Float64Array(learnerVector.length);
    features[learnerPosition("inactivity_score")] = 1;
    expect(driversOf(handScorer.explain(features, "churn"))[0]!.text).toBe("inactivity, as a share of 60 days: 1, which raises it");
  });

  test("every feature that a model sees has words that a sentence can hold", () => {
    for (const feature of inputFeature.values()) expect(phraseOf(feature)).toMatch(/^[a-zA-Z][^;_]{2,70}$/);
  });
});
