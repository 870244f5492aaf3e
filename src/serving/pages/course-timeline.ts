import type { CourseDetail } from "../../contracts/catalogue.ts";
import type { ModelsAnswer } from "../../contracts/model-api.ts";
import type { PolicyDocument } from "../../contracts/policy.ts";
import type { PriceChangesAnswer } from "../../contracts/price-change.ts";
import { DAY_MS } from "../../lib/time.ts";
import type { ChartMark, ChartSpec, ChartSpan } from "./chart.ts";
import type { CompetitorPrice } from "./competitor-history.ts";
import { formatMinute } from "./format.ts";

/** `repriced`: a list price as it was set, by whatever; `overridden`: by hand, though another one was recommended. */
export type TimelineKind = "repriced" | "accepted" | "overridden" | "automatic" | "proposed" | "rejected" | "scheduled" | "promotion" | "competitor" | "model";

/** Something that moved a course's price, or might have. */
export interface TimelineEntry {
  readonly at_ms: number;
  readonly kind: TimelineKind;
  readonly price?: number;
  /** Of a promotion. */
  readonly until_ms?: number;
  readonly what: string;
  readonly who?: string;
  readonly why?: string;
}

export interface TimelineSources {
  readonly detail: Pick<CourseDetail, "course_id" | "category" | "price_history" | "list_price">;
  readonly changes: PriceChangesAnswer["changes"];
  readonly promotions: PolicyDocument["time"]["promotions"];
  readonly competitors: readonly CompetitorPrice[];
  readonly models: ModelsAnswer["promotions"];
}

type Change = PriceChangesAnswer["changes"][number];

function kindOf({ type, automatic, price, recommended }: Change): TimelineKind {
  if (type === "price.proposed") return "proposed";
  if (type === "price.rejected") return "rejected";
  if (type === "price.scheduled") return "scheduled";
  if (automatic === true) return "automatic";
  return recommended !== undefined && recommended !== price ? "overridden" : "accepted";
}

function wordsOf(kind: TimelineKind, { recommended, at }: Change): string {
  switch (kind) {
    case "overridden":
      return `set by hand; ${recommended} was recommended`;
    case "accepted":
      return recommended === undefined ? "accepted" : "accepted as recommended";
    case "automatic":
      return "applied by the policy";
    case "scheduled":
      return `scheduled for ${formatMinute(Date.parse(at ?? ""))}`;
    default:
      return kind;
  }
}

function changeEntry(change: Change): TimelineEntry {
  const kind = kindOf(change);
  return { at_ms: Date.parse(change.time), kind, price: change.price, what: wordsOf(kind, change), who: change.author, why: change.reason };
}

/** Everything that is known of what happened around a course's price, oldest first. */
export function courseTimeline({ detail, changes, promotions, competitors, models }: TimelineSources): readonly TimelineEntry[] {
  const { course_id, category, price_history } = detail;
  // A price that follows from a decision has the decision's time, or that for which it was scheduled.
  const decided = new Set(changes.filter(({ event_id }) => event_id !== null).map(({ at, time, price }) => `${Date.parse(at ?? time)} ${price}`));
  const entries: TimelineEntry[] = [
    ...price_history.map(({ time, price }): TimelineEntry => ({ at_ms: Date.parse(time), kind: "repriced", price, what: decided.has(`${Date.parse(time)} ${price}`) ? "list price, as decided" : "list price, set by the platform" })),
    ...changes.map(changeEntry),
    ...promotions
      .filter(({ courses, categories }) => (courses.length === 0 && categories.length === 0) || courses.includes(course_id) || (category !== null && categories.includes(category)))
      .map(({ name, from, to, factor }): TimelineEntry => ({ at_ms: Date.parse(from), until_ms: Date.parse(to), kind: "promotion", what: `promotion ${name}: price × ${factor}` })),
    ...competitors.map(({ time, price, course_id: of }): TimelineEntry => ({ at_ms: Date.parse(time), kind: "competitor", price, what: of === undefined ? "a competitor's price for the category" : "a competitor's price for this course" })),
    ...models.map(({ time, version, author, reason }): TimelineEntry => ({ at_ms: Date.parse(time), kind: "model", what: `model ${version} went into service`, who: author ?? "training", why: reason })),
  ];
  return entries.toSorted((a, b) => a.at_ms - b.at_ms);
}

/** Values of a step line at each time: the last one set by then. */
function stepped(times_s: readonly number[], entries: readonly TimelineEntry[], kind: TimelineKind): (number | null)[] {
  const set = entries.filter((entry) => entry.kind === kind && entry.price !== undefined);
  let next = 0;
  let value: number | null = null;
  return times_s.map((time_s) => {
    while (next < set.length && set[next]!.at_ms <= time_s * 1_000) value = set[next++]!.price!;
    return value;
  });
}

function dotted(times_s: readonly number[], entries: readonly TimelineEntry[], kind: TimelineKind): (number | null)[] {
  const prices = new Map(entries.filter((entry) => entry.kind === kind).map(({ at_ms, price }) => [at_ms / 1_000, price ?? null]));
  return times_s.map((time_s) => prices.get(time_s) ?? null);
}

const dots = [
  { kind: "accepted", label: "Accepted as recommended", colour: "orange" },
  { kind: "overridden", label: "Set by hand otherwise", colour: "indigo" },
  { kind: "automatic", label: "Applied by the policy", colour: "grey" },
] as const;

/** List prices as they were set, the last one until today, with what happened around them. What lies before the first price that is kept is left out. */
export function timelineChart(entries: readonly TimelineEntry[], { list_price }: Pick<CourseDetail, "list_price">, now_ms: number): ChartSpec {
  const prices = entries.filter(({ kind }) => kind === "repriced");
  const from_ms = prices[0]?.at_ms ?? entries[0]?.at_ms ?? now_ms;
  // The day is enough for a line that ends "now", and keeps the page's bytes the same in between.
  const to_ms = Math.max(Math.ceil(now_ms / DAY_MS) * DAY_MS, (prices.at(-1)?.at_ms ?? 0) + 1_000);
  const shown = entries.filter(({ at_ms }) => at_ms >= from_ms && at_ms <= to_ms);
  const times_s = [...new Set([from_ms, ...shown.filter(({ price }) => price !== undefined).map(({ at_ms }) => at_ms), to_ms])].sort((a, b) => a - b).map((at_ms) => at_ms / 1_000);
  const list = stepped(times_s, shown, "repriced");
  if (list.at(-1) === null) list[list.length - 1] = list_price;
  const competitors = stepped(times_s, entries, "competitor");
  const marks = shown.filter(({ kind }) => kind === "model").map(({ at_ms }): ChartMark => ({ at: at_ms / 1_000, label: "A model went into service", colour: "grey" }));
  const spans = entries
    .filter(({ kind, at_ms, until_ms = at_ms }) => kind === "promotion" && until_ms > from_ms && at_ms < to_ms)
    .map(({ at_ms, until_ms = at_ms }): ChartSpan => ({ from: Math.max(from_ms, at_ms) / 1_000, to: Math.min(to_ms, until_ms) / 1_000, label: "A promotion runs", colour: "orange" }));
  return {
    x: { label: "Day (UTC)", quantity: "date", values: times_s },
    y: { label: "tokens", quantity: "tokens", from_zero: true },
    series: [
      { label: "List price", values: list, line: "step", colour: "teal" },
      ...(competitors.some((price) => price !== null) ? [{ label: "Competitor's price", values: competitors, line: "dashed-step", colour: "grey" } as const] : []),
      ...dots.filter(({ kind }) => shown.some((entry) => entry.kind === kind)).map(({ kind, label, colour }) => ({ label, values: dotted(times_s, shown, kind), line: "dots", colour }) as const),
    ],
    marks,
    spans,
  };
}
