/** Tokens and percentages travel with two decimals, rates and probabilities with four; never as −0. */
export function roundTokens(value: number): number {
  return Math.round(value * 100) / 100 + 0;
}

export function roundRate(value: number): number {
  return Math.round(value * 10_000) / 10_000 + 0;
}

/** A number for a sentence: at most two decimals, never −0. */
export function twoDecimals(value: number): string {
  return String(roundTokens(value));
}
