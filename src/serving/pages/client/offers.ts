import { formatMinute, formatWhole } from "../format.ts";
import { type Offer, whyOf } from "../to-you.ts";

function element(tag: string, text: string, className = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className !== "") made.className = className;
  return made;
}

function show(place: HTMLElement, offer: Offer): void {
  const { base_price, personalized_price, price_without_personal_data, personal_features_used, expires_at } = offer;
  const price = document.createElement("p");
  price.className = "offer-price";
  if (personalized_price < base_price) price.append(element("s", formatWhole(base_price), "muted"), " ");
  price.append(element("strong", formatWhole(personalized_price)), " ", element("span", "tokens for you", "unit"));
  const data = personal_features_used ? `Your own data was used; without it the price would be ${formatWhole(price_without_personal_data)} tokens.` : "No personal data was used.";
  place.replaceChildren(price, element("p", whyOf(offer), "small"), element("p", data, "small muted"));
  if (expires_at !== null) place.append(element("p", `Yours until ${formatMinute(Date.parse(expires_at))}.`, "small muted"));
}

/**
 * A personal price is asked for when the learner wants to see it, not with the page: a quote is a promise that counts against budgets and experiments, and nobody's
 * look at the page should make one.
 */
export function startOffers(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLButtonElement>("[data-ask-offer]") : null;
    const place = button?.closest<HTMLElement>("[data-offer]");
    if (button === null || place === null || place === undefined) return;
    button.disabled = true;
    void ask(place, button.dataset["learner"] ?? "", button.dataset["askOffer"] ?? "").finally(() => (button.disabled = false));
  });
  // What was shown may rest on data that may not be used any more, or the other way round.
  addEventListener("tidemark-changed", () => {
    for (const place of document.querySelectorAll<HTMLElement>("[data-offer][data-shown]")) void ask(place, place.dataset["learner"] ?? "", place.dataset["offer"] ?? "");
  });
}

async function ask(place: HTMLElement, learner_id: string, course_id: string): Promise<void> {
  try {
    const response = await fetch("/personalized_pricing", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ learner_id, course_id }) });
    const offer = (await response.json()) as Offer & { readonly detail?: string };
    if (response.ok) {
      show(place, offer);
      Object.assign(place.dataset, { shown: "", offer: course_id, learner: learner_id });
    } else place.querySelector("[data-told]")?.replaceChildren(offer.detail ?? "No price can be given at the moment.");
  } catch {
    place.querySelector("[data-told]")?.replaceChildren("The engine cannot be reached.");
  }
}
