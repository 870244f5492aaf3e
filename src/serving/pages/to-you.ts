/** What is shown of POST /personalized_pricing. */
export interface Offer {
  readonly base_price: number;
  readonly personalized_price: number;
  readonly price_without_personal_data: number;
  readonly personal_features_used: boolean;
  readonly expires_at: string | null;
  readonly waterfall: readonly { readonly step: string; readonly name: string; readonly reason: string }[];
}

/** Why a price is what it is, by the name of the step that decided it, said to the learner; the API says the same of a learner. */
const whys: Readonly<Record<string, string>> = {
  opted_out: "You asked that your data is not used: this is the price for everybody.",
  disabled: "There are no personal prices at the moment: this is the price for everybody.",
  hold_out: "You are among those who pay the list price, so that prices can be compared.",
  unrecorded: "No price can be promised to you right now, so it is the list price.",
  no_effect: "Nothing is known of how you answer prices: this is the price for everybody.",
  fairness: "The groups that you named have had their share of discounts for now.",
  discount_budget: "The discounts of this period are given away.",
};

export function whyOf({ waterfall, personalized_price, price_without_personal_data }: Offer): string {
  const personal = personalized_price < price_without_personal_data ? "A lower price changes more for you than for most, so you are offered one." : "A lower price would hardly change what you choose: this is the price for everybody.";
  const decided = waterfall.filter(({ step, name }) => step === "personal" || name === "fairness" || name === "discount_budget");
  return decided.map(({ name }) => whys[name] ?? personal).join(" ");
}

/** A sentence that the API says of a learner, said to the learner. */
export function toYou(text: string): string {
  return text.replaceAll("the learner's", "your").replaceAll("The learner's", "Your").replaceAll("The learner was", "You were").replaceAll("The balance", "Your balance");
}
