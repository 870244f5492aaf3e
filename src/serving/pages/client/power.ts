import { type Document, valueAt } from "../json-path.ts";
import { formatCount, formatShare, formatWhole } from "../format.ts";

const ASK_AFTER_MS = 250;

interface PowerAnswer {
  readonly effect: number;
  readonly relative_effect: number | null;
  readonly units: number | null;
  readonly days: number | null;
  readonly units_of_one_look: number;
  readonly detail?: string;
}

interface Arm {
  readonly name?: unknown;
  readonly weight?: unknown;
}

const numberAt = (document: Document, path: string, otherwise: number): number => {
  const value = valueAt(document, path);
  return typeof value === "number" ? value : otherwise;
};

/** Shares of all units that the control arm and the smallest of the others get. */
function sharesOf(document: Document): { arms: number; arm_share: number; control_share: number } | undefined {
  const arms = valueAt(document, "arms");
  if (!Array.isArray(arms)) return undefined;
  const holdout = numberAt(document, "holdout_share", 0);
  const weights = (arms as Arm[]).map(({ name, weight }) => ({ name, weight: typeof weight === "number" ? weight : 0 }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  const shares = [...weights.map(({ name, weight }) => ({ name, share: ((1 - holdout) * weight) / total })), ...(holdout > 0 ? [{ name: "holdout", share: holdout }] : [])];
  const control = shares.find(({ name }) => name === valueAt(document, "control_arm"));
  const others = shares.filter((arm) => arm !== control).map(({ share }) => share);
  if (control === undefined || others.length === 0) return undefined;
  return { arms: shares.length, arm_share: Math.min(...others), control_share: control.share };
}

/** What the experiment that stands in the form takes, told while somebody writes it. */
export function startPower(): void {
  const place = document.querySelector<HTMLElement>("[data-power]");
  const form = place?.closest("form");
  const out = place?.querySelector<HTMLElement>("[data-power-out]");
  if (place === null || form === null || form === undefined || out === null || out === undefined) return;
  let definition: Document = {};
  let timer = 0;
  let asked = 0;
  const figure = (name: string): number => Number(place.querySelector<HTMLInputElement>(`[data-power-figure="${name}"]`)?.value);

  const ask = async (): Promise<void> => {
    const shares = sharesOf(definition);
    if (shares === undefined) {
      out.textContent = "Needs arms, and a control arm that is one of them.";
      return;
    }
    const conversion = figure("conversion") / 100;
    const revenue = valueAt(definition, "metric") !== "conversion";
    const own = ++asked;
    const by_learner = valueAt(definition, "unit.kind") !== "course_cluster";
    const body = {
      baseline: revenue ? { conversion, price_mean: figure("price_mean"), price_sd: figure("price_sd") } : { conversion },
      effect: numberAt(definition, "minimum_effect", 0),
      units_per_day: figure("units_per_day"),
      outcome_days: by_learner ? numberAt(definition, "outcome_days", 14) : 0,
      alpha: numberAt(definition, "alpha", 0.05),
      ...shares,
    };
    try {
      const response = await fetch("/experiments/power", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      const answer = (await response.json()) as PowerAnswer;
      if (own === asked) out.textContent = response.ok ? words(answer, revenue) : (answer.detail ?? "");
    } catch {
      if (own === asked) out.textContent = "The engine cannot be reached.";
    }
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), ASK_AFTER_MS);
  };
  form.addEventListener("tidemark-document", (event) => {
    definition = (event as CustomEvent<Document>).detail;
    soon();
  });
  place.addEventListener("input", soon);
}

function words({ units, days, effect, relative_effect, units_of_one_look }: PowerAnswer, revenue: boolean): string {
  const size = revenue ? `${formatCount(effect)} tokens a unit` : `${formatShare(effect)} of units`;
  const share = relative_effect === null ? "" : `, ${formatShare(relative_effect)} of the mean`;
  if (units === null || days === null) return `No number of units is enough to find a difference of ${size}${share}.`;
  return `${formatWhole(units)} units, ${formatWhole(days)} days: then a difference of ${size}${share} is found with a probability of 80 % at least. A test that looks once, at the end, would need ${formatWhole(units_of_one_look)}.`;
}
