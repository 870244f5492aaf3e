import type { WaterfallStep } from "../contracts/api.ts";
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

  add(step: "base" | "model" | "strategy" | "rounding", name: string, price: number, reason: string): void {
    this.#steps.push({ step, name, price: roundTokens(price), reason });
  }

  /** A guardrail that binds, with the expected tokens over the horizon that it gives up; a gain counts as no cost. */
  guardrail(name: string, price: number, cost_tokens: number, reason: string): void {
    this.#steps.push({ step: "guardrail", name, price: roundTokens(price), reason, cost_tokens: roundTokens(Math.max(0, cost_tokens)) });
    this.#binding.push(name);
  }
}
