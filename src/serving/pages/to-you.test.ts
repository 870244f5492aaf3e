import { expect, test } from "vitest";
import { personalModes } from "../../contracts/quote.ts";
import { type Offer, toYou, whyOf } from "./to-you.ts";

const offer = (name: string, price = 100, more: Offer["waterfall"] = []): Offer => ({
  base_price: 120,
  personalized_price: price,
  price_without_personal_data: 100,
  personal_features_used: name === "personal",
  expires_at: null,
  waterfall: [{ step: "base", name: "list_price", reason: "What everybody pays." }, { step: "model", name: "course_price", reason: "The best price of the course for all its viewers." }, { step: "personal", name, reason: "Of this learner." }, ...more, { step: "rounding", name: "whole_tokens", reason: "A whole number of tokens." }],
});

test("every way in which a price comes about is told to the learner, in other words than the API's", () => {
  const whys = personalModes.map((mode) => whyOf(offer(mode)));
  expect(new Set(whys).size).toBe(personalModes.length);
  for (const why of whys) {
    expect(why).toMatch(/^[A-Z].*\.$/);
    expect(why).not.toMatch(/learner|log-odds/);
  }
  expect(whyOf(offer("personal", 90))).toMatch(/for you .* you are offered one/);
  expect(whyOf(offer("personal", 100, [{ step: "guardrail", name: "discount_budget", reason: "" }]))).toMatch(/everybody\. The discounts of this period/);
});

test("what is said of a learner is said to the learner", () => {
  expect(toYou("12 % of those who see it enroll. 3 of the learner's 7 enrollments are in music. The learner was quoted 90 tokens for it. The balance covers its price.")).toBe("12 % of those who see it enroll. 3 of your 7 enrollments are in music. You were quoted 90 tokens for it. Your balance covers its price.");
});
