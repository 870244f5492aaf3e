import type { CategoriesAnswer, CategoryItem } from "../../../contracts/catalogue.ts";
import type { HealthAnswer } from "../../../contracts/api.ts";
import type { SegmentsAnswer } from "../../../contracts/learner-scores.ts";
import { DAY_MS } from "../../../lib/time.ts";
import type { ChartSpec } from "../chart.ts";
import { Figure } from "../figure.tsx";
import { formatCompact, formatNumber, formatShare, formatShortDay, formatWhole } from "../format.ts";
import { type Page, platformSubject, within } from "../page.ts";
import { Ago, Badge, Bar, Change, DataTable, Degraded, Empty, Pending, Section, Spark, Tile } from "../parts.tsx";
import { againstHoldout, Uplift } from "./uplift.tsx";
import type { PlatformTrend, PlatformTrends } from "../platform-trend.ts";
import type { PriceBoard, PriceBoards } from "../price-board.ts";

const WINDOW_DAYS = 30;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const changePct = (now: number, before: number): number | undefined => (before === 0 ? undefined : (now / before - 1) * 100);

/** /admin: how the platform does, and where it comes from. */
export function portfolioPage(trends: PlatformTrends, boards: PriceBoards): Page {
  return {
    path: "/admin",
    place: "portfolio",
    summary: "how the platform does: revenue, conversion, tokens, churn, categories, learners",
    subject: platformSubject,
    live_s: 5,
    content: async ({ ask, wait_ms }) => {
      const [categories, health, segments, trend, board, uplift] = await Promise.all([
        within(ask.get<CategoriesAnswer>("/categories"), wait_ms),
        ask.get<HealthAnswer>("/health"),
        within(ask.get<SegmentsAnswer>("/segments"), wait_ms),
        within(trends.trend(), wait_ms),
        within(boards.board(), wait_ms),
        within(againstHoldout(ask), wait_ms),
      ]);
      return {
        title: "Portfolio",
        body: (
          <>
            <h1>Portfolio</h1>
            <p class="lead-line">Figures are of the last 30 whole UTC days; the tables below count today, too.</p>
            <Degraded reasons={health.degraded} />
            {trend === undefined ? <NoFigures /> : <Figures trend={trend} board={board} />}
            <Section title="Day by day" id="trends" aside="Whole UTC days; today, which is not over, is left out.">
              {trend === undefined ? <Pending tall>Reading the days…</Pending> : <Trends trend={trend} />}
            </Section>
            <Section title="Against the hold-out" id="uplift" aside="What prices bring beside those who pay list prices, with 95 % intervals.">
              <Uplift comparison={uplift} />
            </Section>
            <Section title="Categories" id="categories" aside="Last 30 days. Elasticity: change of enrollments per view, in percent, when a price rises by one percent.">
              {categories === undefined ? <Pending tall>Adding up categories…</Pending> : categories.categories.length === 0 ? <Empty title="No category yet">Publish a course, and its category appears here.</Empty> : <Categories categories={categories.categories} />}
            </Section>
            <Section title="Learners" id="segments" aside="By the probability that they enroll within the next month.">
              {segments === undefined ? <Pending>Scoring learners…</Pending> : <Segments segments={segments} />}
            </Section>
          </>
        ),
      };
    },
  };
}

const labels = ["Revenue, 30 days", "Enrollments, 30 days", "Conversion", "Tokens outstanding", "Churn", "Recommended changes"] as const;

/** Their places, while the platform's days are added up. */
function NoFigures() {
  return (
    <dl class="tiles six pending">
      {labels.map((label) => (
        <Tile label={label} value="…" trend={<span class="spark-place"></span>} note="adding up the days" />
      ))}
    </dl>
  );
}

function Figures({ trend: { figures, days_ms }, board }: { readonly trend: PlatformTrend; readonly board: PriceBoard | undefined }) {
  // Today is not over: whole days are compared with whole days.
  const last = days_ms.length - 1;
  const window = (values: readonly number[], back: number): readonly number[] => values.slice(Math.max(0, last - (back + 1) * WINDOW_DAYS), last - back * WINDOW_DAYS);
  const total = (values: readonly number[], back = 0): number => sum(window(values, back));
  const revenue = total(figures.revenue_tokens);
  const revenue_change = changePct(revenue, total(figures.revenue_tokens, 1));
  const enrollments = total(figures.enrollments);
  const enrollments_change = changePct(enrollments, total(figures.enrollments, 1));
  const conversion = (back: number): number => total(figures.enrollments, back) / Math.max(1, total(figures.exposures, back));
  const conversion_change = changePct(conversion(0), conversion(1));
  const at = (values: readonly number[], back: number): number => values[Math.max(0, last - 1 - back)] ?? 0;
  const outstanding_change = changePct(at(figures.tokens_outstanding, 0), at(figures.tokens_outstanding, WINDOW_DAYS));
  const churn_change = changePct(at(figures.churn_rate, 0), at(figures.churn_rate, WINDOW_DAYS));
  const than = "on 30 days before";
  const open = board?.courses.filter(({ recommendation }) => recommendation !== undefined && recommendation.action !== "hold") ?? [];
  const gain = sum(open.map(({ revenue_30d_tokens, recommendation }) => (revenue_30d_tokens * (recommendation?.increase_pct ?? 0)) / 100));
  return (
    <dl class="tiles six">
      <Tile label={labels[0]} value={formatCompact(revenue)} unit="tokens" trend={<Spark values={window(figures.revenue_tokens, 0)} label="Revenue by day, last 30 days" />} note={revenue_change !== undefined && <Change pct={revenue_change} than={than} />} />
      <Tile label={labels[1]} value={formatWhole(enrollments)} trend={<Spark values={window(figures.enrollments, 0)} label="Enrollments by day, last 30 days" />} note={enrollments_change !== undefined && <Change pct={enrollments_change} than={than} />} />
      <Tile label={labels[2]} value={formatShare(conversion(0))} unit="of views" trend={<Spark values={window(figures.conversion, 0)} label="Conversion by day, last 30 days" />} note={conversion_change !== undefined && <Change pct={conversion_change} than={than} />} />
      <Tile label={labels[3]} value={formatCompact(at(figures.tokens_outstanding, 0))} unit="tokens" trend={<Spark values={window(figures.tokens_outstanding, 0)} label="Tokens outstanding by day, last 30 days" />} note={outstanding_change !== undefined && <Change pct={outstanding_change} than="in 30 days" />} />
      <Tile label={labels[4]} value={formatShare(at(figures.churn_rate, 0))} unit="of learners" trend={<Spark values={window(figures.churn_rate, 0)} label="Churn by day, last 30 days" />} note={churn_change !== undefined && <Change pct={churn_change} than="in 30 days" good={false} />} />
      <Tile
        label={labels[5]}
        value={board === undefined ? "…" : formatWhole(open.length)}
        unit={board === undefined ? "" : `of ${formatWhole(board.courses.length)} courses`}
        note={
          <a href="/admin/prices">
            {board === undefined ? "Pricing every course" : `Worth ${formatCompact(gain)} tokens in 30 days, as expected`}
          </a>
        }
      />
    </dl>
  );
}

/** Mean of seven days up to each: weekdays differ more than weeks. */
const weekly = (values: readonly number[]): (number | null)[] => values.map((_, i) => (i < 6 ? null : sum(values.slice(i - 6, i + 1)) / 7));

function trendChart(trend: PlatformTrend, values: readonly number[], label: string, y: ChartSpec["y"]): ChartSpec {
  const whole = values.slice(0, -1);
  return {
    x: { label: "Day (UTC)", quantity: "date", values: trend.days_ms.slice(0, -1).map((day_ms) => day_ms / 1_000) },
    y,
    series: [
      { label, values: whole, line: "dots", colour: "grey" },
      { label: "Mean of 7 days", values: weekly(whole), line: "solid", colour: "teal" },
    ],
  };
}

function Trends({ trend }: { readonly trend: PlatformTrend }) {
  const { figures, days_ms } = trend;
  const from = formatShortDay(days_ms[0] ?? 0);
  const to = formatShortDay((days_ms.at(-1) ?? DAY_MS) - DAY_MS);
  return (
    <div class="figures three">
      <Figure id="trend-revenue" title="Revenue, tokens a day" look={`${from} to ${to}: prices of the day's enrollments.`} chart={trendChart(trend, figures.revenue_tokens, "A day", { label: "tokens", quantity: "tokens", from_zero: true })} />
      <Figure id="trend-conversion" title="Conversion, % of views" look="Enrollments per view of a course with its price." chart={trendChart(trend, figures.conversion, "A day", { label: "share of views", quantity: "share", from_zero: true })} />
      <Figure
        id="trend-outstanding"
        title="Tokens outstanding, tokens"
        look="What learners hold at the end of the day: a liability, and what they can spend."
        chart={{
          x: { label: "Day (UTC)", quantity: "date", values: days_ms.slice(0, -1).map((day_ms) => day_ms / 1_000) },
          y: { label: "tokens", quantity: "tokens", from_zero: false },
          series: [{ label: "Outstanding", values: figures.tokens_outstanding.slice(0, -1), line: "solid", colour: "indigo" }],
        }}
      />
    </div>
  );
}

function Categories({ categories }: { readonly categories: readonly CategoryItem[] }) {
  const most = Math.max(1, ...categories.map(({ revenue_30d_tokens }) => revenue_30d_tokens));
  const sorted = categories.toSorted((a, b) => b.revenue_30d_tokens - a.revenue_30d_tokens);
  return (
    <DataTable
      label="Categories"
      columns={["Category", "Revenue, tokens", { number: "Enrollments" }, { number: "Trend" }, { number: "Conversion" }, { number: "Mean price, tokens" }, { number: "Against competitors" }, "Elasticity, 95 %"]}
    >
      {sorted.map((category) => (
        <tr>
          <th scope="row">
            <a href={`/admin/prices?category=${encodeURIComponent(category.category)}`}>{category.category}</a>
            <span class="under">{formatWhole(category.courses)} courses</span>
          </th>
          <td class="with-bar">
            <span data-value>{formatWhole(category.revenue_30d_tokens)}</span>
            <Bar share={category.revenue_30d_tokens / most} />
          </td>
          <td class="number" data-value>{formatWhole(category.enrollments_30d)}</td>
          <td class="number">{category.enrollments_previous_30d === 0 ? "–" : <Change pct={changePct(category.enrollments_30d, category.enrollments_previous_30d) ?? 0} than="" />}</td>
          <td class="number">{formatShare(category.conversion_30d)}</td>
          <td class="number">{category.average_price === null ? "–" : formatWhole(category.average_price)}</td>
          <td class="number">{category.competitive_index === null ? "–" : <Against index={category.competitive_index} />}</td>
          <td>
            {category.elasticity.identified ? (
              <>
                {formatNumber(category.elasticity.value)} <span class="muted">({formatNumber(category.elasticity.ci95[0])} to {formatNumber(category.elasticity.ci95[1])})</span> <Badge tone={category.elasticity.type === "inelastic" ? "good" : category.elasticity.type === "elastic" ? "warn" : "plain"}>{category.elasticity.type}</Badge>
              </>
            ) : (
              <Badge tone="plain">not identified</Badge>
            )}
          </td>
        </tr>
      ))}
    </DataTable>
  );
}

function Against({ index }: { readonly index: number }) {
  const pct = (index - 1) * 100;
  return <>{Math.abs(pct) < 0.5 ? "the same" : `${formatWhole(Math.abs(pct))} % ${pct > 0 ? "dearer" : "cheaper"}`}</>;
}

const segmentWords = { hot: "Likely to enroll", warm: "Interested", cold: "Hesitant", dormant: "Inactive" } as const;

function Segments({ segments: { segments, movement, as_of } }: { readonly segments: SegmentsAnswer }) {
  return (
    <>
      <ul class="segments">
        {segments.map(({ segment, learners, share, averages, risk_levels }) => (
          <li class={`card segment-${segment}`}>
            <h3>
              {segment} <span class="muted">{segmentWords[segment]}</span>
            </h3>
            <p class="big">
              <span data-value>{formatWhole(learners)}</span> <span class="muted">{formatShare(share)} of learners</span>
            </p>
            <Bar share={share} />
            {averages === null ? (
              <p class="muted">Nobody at the moment.</p>
            ) : (
              <p class="muted">
                Balance {formatWhole(averages.balance_tokens)} tokens on average. Expected: {formatWhole(averages.expected_tokens)} tokens each. At high risk of leaving: {formatWhole(risk_levels.high)}.
              </p>
            )}
          </li>
        ))}
      </ul>
      <p class="muted">
        {movement !== null && movement.moves.length > 0 && `Moved since ${formatShortDay(Date.parse(movement.since))}: ${movement.moves.map(({ from, to, learners }) => `${formatWhole(learners)} ${from === null ? `new to ${to}` : `from ${from} to ${to}`}`).join(", ")}. `}
        As of <Ago time={as_of} />
      </p>
    </>
  );
}
