import { describe, expect, test } from "vitest";
import { NEVER_DAYS } from "../../features/definition.ts";
import { propensityInputNames } from "../../models/propensity/inputs.ts";
import { learnerPosition, learnerVector } from "../../models/propensity/learner-vector.ts";
import { driversOf, phraseOf } from "./drivers.ts";

const features = new Float64Array(learnerVector.length);
features[learnerPosition("days_since_last_enrollment")] = NEVER_DAYS;
features[learnerPosition("completion_rate")] = 0.256;
features[learnerPosition("balance_tokens")] = 1;

describe("drivers", () => {
  test("say the strongest in plain words, with the learner's own values", () => {
    const drivers = driversOf(
      [
        { input: "log_days_since_last_enrollment", value: 8.2, contribution: -0.9 },
        { input: "completion_rate", value: 0.256, contribution: 0.4 },
        { input: "log_balance_tokens", value: 0.69, contribution: 0.123_456 },
        { input: "log_days_active_since_registration", value: Math.log1p(40), contribution: -0.1 },
        { input: "log_enrolled", value: 0, contribution: 0.05 },
      ],
      features,
    );
    expect(drivers.map(({ text }) => text)).toEqual([
      "days since the last enrollment: never, which lowers it",
      "share of enrollments completed: 26 %, which raises it",
      "balance: 1 token, which raises it",
      "days between registration and the last activity: 40, which lowers it",
    ]);
    expect(drivers[2]).toMatchObject({ feature: "balance_tokens", value: 1, direction: "raises", effect: 0.1235 });
  });

  test("what hardly moves a score is no driver", () => {
    expect(driversOf([{ input: "log_enrolled", value: 0, contribution: 0.001 }], features)).toEqual([]);
  });

  test("every input has words that a sentence can hold", () => {
    for (const input of propensityInputNames) expect(phraseOf(input.replace(/^log_/, ""))).toMatch(/^[a-zA-Z][^;_]*$/);
  });
});
