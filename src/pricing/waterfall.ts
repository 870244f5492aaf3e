import type { WaterfallStep } from "../contracts/api.ts";
import type { BoundOwner, PriceTerms } from "../contracts/decision.ts";
import type { Policy } from "../contracts/policy.ts";
import { roundTokens } from "./money.ts";

/** The steps from the current price to the answer, in order; each says what the price became and why. */
export class Waterfall {
  readonly #steps: WaterfallStep[] = [];
  readonly #binding: string[] = [];

  get steps(): readonly WaterfallStep[] {
    return this.#steps;
  }

  /** Names of the guardrails that changed the price. */
  get binding(): readonly string[] {
    return this.#binding;
  }

  add(step: "base" | "model" | "strategy" | "exploration" | "rounding", name: string, price: number, reason: string): void {
    this.#steps.push({ step, name, price: roundTokens(price), reason });
  }

  /** A guardrail that binds, with the expected tokens over the horizon that it gives up; a gain counts as no cost. */
  guardrail(name: string, price: number, cost_tokens: number, reason: string): void {
    this.#steps.push({ step: "guardrail", name, price: roundTokens(price), reason, cost_tokens: roundTokens(Math.max(0, cost_tokens)) });
    this.#binding.push(name);
  }
}

const owners: Readonly<Record<BoundOwner, string>> = { policy: "The policy's", category: "The category's", course: "The course's", teacher: "The teacher's" };

/** Whose bound it is. */
export function boundReason(bound: "floor" | "ceiling", { floor_tokens, floor_by, ceiling_tokens, ceiling_by }: PriceTerms): string {
  return bound === "floor" ? `${owners[floor_by]} floor is ${floor_tokens} tokens.` : `${owners[ceiling_by]} ceiling is ${ceiling_tokens} tokens.`;
}

/** How a price became the whole one that is answered. */
export function roundingReason({ rounding, step_log_max }: Policy, price: number, rounded: number, current: number): string {
  const to = rounding.kind === "charm" ? `To a price that ends in ${rounding.endings.join(" or ")}` : rounding.kind === "multiple" ? `To a multiple of ${rounding.of}` : "To a whole number of tokens";
  const how = price === rounded ? "Already a whole number of tokens." : `${to} inside the guardrails.`;
  const one_token = Math.abs(rounded - current) === 1 && Math.abs(Math.log(rounded / current)) > step_log_max;
  return one_token ? `${how} One token, the least that a price can move, is more than the step of ${step_log_max} here.` : how;
}
