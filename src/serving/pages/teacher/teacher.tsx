import type { CourseDetail, CourseItem, CoursesAnswer } from "../../../contracts/catalogue.ts";
import type { EntityFeaturesAnswer } from "../../../contracts/api.ts";
import type { PriceChangesAnswer } from "../../../contracts/price-change.ts";
import { readId } from "../../body.ts";
import { historyChart, revenueChart } from "../course-charts.ts";
import { Figure } from "../figure.tsx";
import { formatChange, formatCount, formatCounted, formatNumber, formatShare, formatWhole, formatWholeShare } from "../format.ts";
import type { Ask } from "../ask.ts";
import { type Page, within } from "../page.ts";
import { Badge, Bar, DataTable, Empty, Pending, Section, Tile } from "../parts.tsx";
import { PriceChanges } from "../price-decision.tsx";
import { WhatIf } from "../what-if.tsx";

/** Courses that are told of at length; the others stand in a table. */
const DETAILED_MAX = 8;

/** /teacher/{id}: one teacher's courses, what they should cost and why, and how they do. */
export function teacherPage(): Page {
  return {
    path: "/teacher/:id",
    place: "teacher",
    summary: "a teacher's courses: recommendations, forecasts, quality",
    subject: (context) => ({ kind: "teacher", id: context.req.param("id") ?? "" }),
    live_s: 5,
    record: "teacher",
    content: async ({ context, ask, now_ms, wait_ms }) => {
      const id = readId(context);
      const [teacher, courses] = await Promise.all([ask.get<EntityFeaturesAnswer>(`/features/teacher/${id}`), within(coursesOf(ask, id), wait_ms)]);
      return {
        title: `Teacher ${teacher.id}`,
        body: (
          <>
            <h1>
              Your courses <span class="muted id">{teacher.id}</span>
            </h1>
            <Figures features={teacher.features} courses={courses?.items} />
            <Band teacher_id={teacher.id} features={teacher.features} />
            {courses === undefined ? <Pending tall="window">Pricing your courses…</Pending> : <Courses courses={courses} now_ms={now_ms} />}
            <Section title="Quality" id="quality" aside="Measured from what learners did, over all your courses.">
              <Quality features={teacher.features} />
            </Section>
          </>
        ),
      };
    },
  };
}

interface TeacherCourses {
  readonly items: readonly CourseItem[];
  /** Of the first ones. */
  readonly details: readonly { readonly detail: CourseDetail; readonly changes: PriceChangesAnswer }[];
}

/** A teacher's courses, those that sell most first. */
async function coursesOf(ask: Ask, id: string): Promise<TeacherCourses> {
  const { courses } = await ask.get<CoursesAnswer>(`/courses?teacher_id=${id}&sort=-revenue&limit=500&with=recommendation`);
  const details = courses.slice(0, DETAILED_MAX).map(async ({ course_id }) => ({ detail: await ask.get<CourseDetail>(`/courses/${course_id}`), changes: await ask.get<PriceChangesAnswer>(`/courses/${course_id}/price_changes?limit=5`) }));
  return { items: courses, details: await Promise.all(details) };
}

function Courses({ courses: { items, details }, now_ms }: { readonly courses: TeacherCourses; readonly now_ms: number }) {
  if (items.length === 0) return <Empty title="No course yet">A course appears here once the platform has published it with a price.</Empty>;
  return (
    <>
      {details.map(({ detail, changes }, i) => (
        <Course detail={detail} changes={changes} item={items[i]!} now_ms={now_ms} />
      ))}
      {items.length > DETAILED_MAX && (
        <Section title="More courses" id="more">
          <Others courses={items.slice(DETAILED_MAX)} />
        </Section>
      )}
    </>
  );
}

const feature = (features: Readonly<Record<string, number>>, name: string): number => features[name] ?? 0;

function Figures({ features, courses }: { readonly features: Readonly<Record<string, number>>; readonly courses: readonly CourseItem[] | undefined }) {
  const revenue = feature(features, "revenue_30d_tokens");
  const gain = courses?.reduce((total, { revenue_30d_tokens, recommendation }) => total + (revenue_30d_tokens * (recommendation?.increase_pct ?? 0)) / 100, 0);
  return (
    <dl class="tiles">
      <Tile label="Revenue, 30 days" value={formatWhole(revenue)} unit="tokens" note={`${formatWhole(feature(features, "revenue_90d_tokens"))} in 90 days`} />
      <Tile label="Enrollments, 30 days" value={formatWhole(feature(features, "enrollments_30d"))} note={`${formatWhole(feature(features, "enrollments"))} in all`} />
      <Tile label="Expected from the recommendations" value={gain === undefined ? "…" : `+${formatCount(Math.max(0, gain))}`} unit="tokens" note="in 30 days like the last ones" />
      <Tile label="Rating" value={feature(features, "ratings") === 0 ? "–" : formatNumber(feature(features, "rating_mean"))} unit="of 5" note={formatCounted(feature(features, "ratings"), "rating")} />
    </dl>
  );
}

/** The least and the most that the teacher's courses may cost; no recommendation leaves it. */
function Band({ teacher_id, features }: { readonly teacher_id: string; readonly features: Readonly<Record<string, number>> }) {
  const low = feature(features, "min_price_tokens");
  const high = feature(features, "max_price_tokens");
  return (
    <section class="card price-band" aria-labelledby="band">
      <div>
        <h2 id="band">Your price band</h2>
        <p>
          <strong data-value>{low === 0 && high === 0 ? "none" : `${low === 0 ? "any" : formatWhole(low)} – ${high === 0 ? "any" : formatWhole(high)} tokens`}</strong>
        </p>
        <p class="muted small">No recommendation leaves it. 0 is no limit.</p>
      </div>
      <form class="inline" data-form="PUT" action={`/teachers/${teacher_id}/band`} data-done="Said: prices keep to it as soon as it is folded.">
        <label>
          <span>At least, tokens</span>
          <input type="number" name="min_price" min="0" step="1" required value={low} />
        </label>
        <label>
          <span>At most, tokens</span>
          <input type="number" name="max_price" min="0" step="1" required value={high} />
        </label>
        <button type="submit" class="button">
          Set
        </button>
        <p class="told-form" role="status" data-told></p>
      </form>
    </section>
  );
}

const sourceWords: Readonly<Record<string, string>> = { course: "this course's own sales", category: "sales of its category", global: "sales of the whole platform", prior: "what holds elsewhere, since sales here say nothing of it yet" };
/** A change of price that people can imagine. */
const STEP = 0.9;

/** What the elasticity means, without the word. */
function plainReason({ elasticity: { now }, recommendation: { recommendation } }: CourseDetail): string {
  const more_pct = (STEP ** now.value - 1) * 100;
  const effect = more_pct < 1 ? "a price 10 % lower would bring hardly any more enrollments" : `a price 10 % lower would bring about ${formatWhole(more_pct)} % more enrollments`;
  const so = { increase: "so a higher price brings more in all", decrease: "so a lower price brings more in all", hold: "so it is left as it is" }[recommendation.action];
  return `Going by ${sourceWords[now.source] ?? now.source}, ${effect}, ${so}.`;
}

const actionWords = { increase: "Raise to", decrease: "Lower to", hold: "Keep at" } as const;

function Course({ detail, changes, item, now_ms }: { readonly detail: CourseDetail; readonly changes: PriceChangesAnswer; readonly item: CourseItem; readonly now_ms: number }) {
  const { recommendation: answer } = detail;
  const { action, confidence, risk } = answer.recommendation;
  const id = detail.course_id;
  return (
    <section class={`card course ${action}`} aria-labelledby={`title-${id}`}>
      <header class="course-head">
        <div>
          <h2 id={`title-${id}`}>{detail.title ?? id}</h2>
          <p class="muted">
            {id} · {detail.category} · {formatCounted(item.enrollments_30d, "enrollment")}, {formatWhole(item.revenue_30d_tokens)} tokens in 30 days
          </p>
        </div>
        <p class="advice">
          <span class="muted">
            now <span data-value>{formatWhole(detail.list_price)}</span> · {actionWords[action]}
          </span>{" "}
          <strong data-value>{formatWhole(answer.optimal_price)}</strong> <span class="unit">tokens</span> <Badge tone={risk === "low" ? "good" : risk === "medium" ? "warn" : "bad"}>{risk} risk</Badge>
        </p>
      </header>
      <p class="reasoning">{plainReason(detail)}</p>
      <p class="muted">
        {answer.reasoning} Expected revenue {formatChange(answer.expected.increase_pct)}, with a confidence of {formatWholeShare(confidence)}.
      </p>
      <WhatIf id={id} detail={detail} />
      <div class="figures two">
        <Figure id={`forecast-${id}`} title={`Revenue in ${detail.demand_curve.horizon_days} days, tokens, by price`} chart={revenueChart(detail)} />
        {detail.price_history.length > 0 && <Figure id={`history-${id}`} title="List price, tokens" look={detail.repricings > detail.price_history.length ? `The latest ${detail.price_history.length} of ${formatWhole(detail.repricings)} prices.` : "Every price so far."} chart={historyChart(detail, now_ms)} />}
      </div>
      {changes.changes.length > 0 && <PriceChanges changes={changes} />}
    </section>
  );
}

function Others({ courses }: { readonly courses: readonly CourseItem[] }) {
  return (
    <DataTable
      label="More courses"
      columns={["Course", { number: "Price, tokens" }, { number: "Recommended, tokens" }, { number: "Expected revenue" }, { number: "Enrollments, 30 d" }]}
    >
      {courses.map(({ course_id, title, list_price, recommendation, enrollments_30d }) => (
        <tr>
          <th scope="row">
            {title ?? course_id} <span class="under">{course_id}</span>
          </th>
          <td class="number">{formatWhole(list_price)}</td>
          <td class="number">{formatWhole(recommendation?.optimal_price ?? list_price)}</td>
          <td class="number">{formatChange(recommendation?.increase_pct ?? 0)}</td>
          <td class="number">{formatWhole(enrollments_30d)}</td>
        </tr>
      ))}
    </DataTable>
  );
}

function Quality({ features }: { readonly features: Readonly<Record<string, number>> }) {
  const rows = [
    { label: "Completed", share: feature(features, "completion_rate"), text: `${formatWhole(feature(features, "completions"))} of ${formatCounted(feature(features, "enrollments"), "enrollment")}`, tone: "teal" },
    { label: "Dropped", share: feature(features, "drop_rate"), text: "of enrollments", tone: "orange" },
    { label: "Refunded", share: feature(features, "refund_rate"), text: formatCounted(feature(features, "refunds"), "enrollment"), tone: "orange" },
    { label: "Quality from outcomes", share: feature(features, "quality_from_outcomes"), text: "completions, ratings and refunds together", tone: "teal" },
    { label: "Quality given by the platform", share: feature(features, "quality_given"), text: "0 to 100 %", tone: "grey" },
  ] as const;
  return (
    <ul class="segments">
      {rows.map(({ label, share, text, tone }) => (
        <li class="card">
          <h3>{label}</h3>
          <p class="big" data-value>
            {formatShare(share)}
          </p>
          <Bar share={share} tone={tone} />
          <p class="muted">{text}</p>
        </li>
      ))}
    </ul>
  );
}
