import type { CourseDetail } from "../../../contracts/catalogue.ts";
import type { FeaturesAnswer } from "../../../contracts/api.ts";
import type { PolicyAnswer } from "../../../contracts/policy-api.ts";
import type { PolicyDocument } from "../../../contracts/policy.ts";
import type { PriceChangesAnswer } from "../../../contracts/price-change.ts";
import { readId } from "../../body.ts";
import type { Ask } from "../ask.ts";
import type { CompetitorHistory } from "../competitor-history.ts";
import { demandChart, revenueChart } from "../course-charts.ts";
import { courseTimeline, timelineChart } from "../course-timeline.ts";
import { Features } from "../features-table.tsx";
import { Figure } from "../figure.tsx";
import { formatChange, formatCount, formatNumber, formatWhole, formatWholeShare } from "../format.ts";
import { PriceDecision } from "../price-decision.tsx";
import type { ModelLists } from "../model-lists.ts";
import { type Page, platformSubject, within } from "../page.ts";
import { Ago, Badge, DataTable, Degraded, Empty, Section, Tile } from "../parts.tsx";
import { Waterfall } from "../waterfall.tsx";
import { CourseEvents } from "./course-events.tsx";


const actionWords = { increase: "Raise", decrease: "Lower", hold: "Hold" } as const;
const sourceWords: Readonly<Record<string, string>> = { course: "its own sales", category: "its category", global: "the whole platform", prior: "no data yet: a prior" };

/** /admin/prices/{id}: one course, and everything behind its price. */
export function coursePage(competitors: CompetitorHistory, models: ModelLists): Page {
  return {
    path: "/admin/prices/:id",
    place: "prices",
    summary: "a course's recommendation, demand, price history and waterfall",
    subject: platformSubject,
    live_s: 3,
    record: "course",
    content: async ({ context, ask, now_ms, wait_ms }) => {
      const id = readId(context);
      const [detail, definitions, changes] = await Promise.all([ask.get<CourseDetail>(`/courses/${id}`), ask.get<FeaturesAnswer>("/features"), ask.get<PriceChangesAnswer>(`/courses/${id}/price_changes?limit=50`)]);
      const { title, category, teacher_id } = detail;
      // Beside the course's own figures: what the broker does not give in time comes with the next update.
      const [promotions, market, promoted] = await Promise.all([promotionsOf(ask, detail.policy), within(competitors.of(id, category ?? ""), wait_ms), within(models.of(ask, "elasticity", now_ms, Number.POSITIVE_INFINITY), wait_ms)]);
      const timeline = courseTimeline({ detail, changes: changes.changes, promotions, competitors: market ?? [], models: promoted?.promotions ?? [] });
      return {
        title: title ?? id,
        body: (
          <>
            <nav class="crumbs" aria-label="Where this is">
              <a href="/admin/prices">Prices</a>
              {category !== null && (
                <>
                  {" / "}
                  <a href={`/admin/prices?category=${encodeURIComponent(category)}`}>{category}</a>
                </>
              )}
            </nav>
            <h1>
              {title ?? id} <span class="muted id">{id}</span>
            </h1>
            <p class="lead-line">
              {teacher_id !== null && (
                <>
                  by <a href={`/teacher/${teacher_id}`}>{teacher_id}</a> ·{" "}
                </>
              )}
              last event <Ago time={detail.updated_at} /> · policy {detail.policy} · model {detail.model}
            </p>
            <Degraded reasons={detail.degraded ?? []} />
            <Recommendation detail={detail} />
            <Section title="Decide" id="decide">
              <PriceDecision detail={detail} changes={changes} />
            </Section>
            <Section title="Demand" id="demand">
              <div class="figures two">
                <Figure id="course-demand" title={`Enrollments in ${detail.demand_curve.horizon_days} days, by price`} look="Where the band is wide, sales have said little." chart={demandChart(detail)} tall />
                <Figure id="course-revenue" title={`Revenue in ${detail.demand_curve.horizon_days} days, tokens, by price`} look="A flat top means that the exact price matters little." chart={revenueChart(detail)} tall />
              </div>
            </Section>
            <Section title="How the price came about" id="waterfall">
              <Waterfall steps={detail.recommendation.waterfall} optimal={detail.recommendation.optimal_price} />
              <Strategies detail={detail} />
            </Section>
            <Section title="Price history" id="history" aside={detail.repricings > detail.price_history.length ? `The latest ${detail.price_history.length} of ${formatWhole(detail.repricings)} prices.` : undefined}>
              {detail.price_history.length === 0 ? <Empty title="Never repriced">The course costs what it cost at first.</Empty> : <Figure id="course-history" title="List price, tokens" look="Dots are decisions, at the price that was decided; every one stands in the table below." chart={timelineChart(timeline, detail, now_ms)} tall />}
              {timeline.length > 0 && <CourseEvents entries={timeline} />}
            </Section>
            <Section title="Features" id="features" aside="What the fold knows of the course, and prices are computed from.">
              <Features entity="course" features={detail.features} definitions={definitions.features} />
            </Section>
          </>
        ),
      };
    },
  };
}

/** Of the policy that the course goes by; an experiment's arm that holds the list price goes by the document that it holds. */
async function promotionsOf(ask: Ask, version: string): Promise<PolicyDocument["time"]["promotions"]> {
  const [, policy_id, revision] = /^(.+)-(\d+)(?:-held)?$/.exec(version) ?? [];
  if (policy_id === undefined) return [];
  const answer = await ask.find<PolicyAnswer>(`/policies/${policy_id}?revision=${revision}`);
  return answer?.document?.time.promotions ?? [];
}

function Recommendation({ detail }: { readonly detail: CourseDetail }) {
  const { recommendation: answer, list_price, elasticity } = detail;
  const { action, confidence, risk } = answer.recommendation;
  const { expected } = answer;
  return (
    <section class={`card hero ${action}`} aria-label="Recommendation">
      <div class="hero-main">
        <p class="kicker">
          {actionWords[action]} <Badge tone={risk === "low" ? "good" : risk === "medium" ? "warn" : "bad"}>{risk} risk</Badge>
        </p>
        <p class="price-change">
          <span class="now" data-value>{formatWhole(list_price)}</span>
          <span aria-hidden="true"> → </span>
          <span class="visually-hidden">to</span>
          <strong data-value>{formatWhole(answer.optimal_price)}</strong> <span class="unit">tokens</span>
        </p>
        <p class="reasoning">{answer.reasoning}</p>
      </div>
      <dl class="tiles compact">
        <Tile label="Expected revenue" value={formatChange(expected.increase_pct)} note={`${formatCount(expected.current_revenue)} → ${formatCount(expected.optimized_revenue)} tokens in ${expected.horizon_days} days`} />
        <Tile label="95 % interval of revenue" value={`${formatCount(expected.interval.low)} – ${formatCount(expected.interval.high)}`} unit="tokens" note={`at ${formatWhole(answer.optimal_price)} tokens`} />
        <Tile label="Confidence" value={formatWholeShare(confidence)} note="that this is the better price" />
        <Tile label="Elasticity now" value={formatNumber(elasticity.now.value)} note={`${formatNumber(elasticity.now.ci95[0])} to ${formatNumber(elasticity.now.ci95[1])}; rests on ${sourceWords[elasticity.now.source] ?? elasticity.now.source}`} />
        <Tile label="Allowed now" value={`${formatWhole(answer.price_range.min)} – ${formatWhole(answer.price_range.max)}`} unit="tokens" note="within the policy's guardrails" />
      </dl>
    </section>
  );
}

function Strategies({ detail: { recommendation } }: { readonly detail: CourseDetail }) {
  if (recommendation.strategies.length === 0) return null;
  return (
    <DataTable label="What each strategy proposed" caption="What each strategy proposed" columns={["Strategy", { number: "Price, tokens" }, { number: "Weight" }, "Why"]}>
      {recommendation.strategies.map(({ name, price, weight, reason }) => (
        <tr>
          <th scope="row">{name.replaceAll("_", " ")}</th>
          <td class="number">{formatCount(price)}</td>
          <td class="number">{formatWholeShare(weight)}</td>
          <td>{reason}</td>
        </tr>
      ))}
    </DataTable>
  );
}
