import type { EntityFeaturesAnswer, FeaturesAnswer } from "../../../contracts/api.ts";
import type { LearnerScoresAnswer, Recommendation, RecommendationsAnswer } from "../../../contracts/learner-scores.ts";
import type { PersonalisationAnswer } from "../../../contracts/personalisation.ts";
import { dimensions } from "../../../contracts/propensity.ts";
import { readId } from "../../body.ts";
import { Features } from "../features-table.tsx";
import { formatCount, formatMinute, formatTokens, formatWhole, formatWholeShare } from "../format.ts";
import { type Page, within } from "../page.ts";
import { Ago, Badge, Bar, Empty, Pending, Section, Tile } from "../parts.tsx";
import { toYou } from "../to-you.ts";
import type { TokenEvent, TokenHistory } from "../token-history.ts";

const RECOMMENDED = 6;
const TRANSACTIONS = 12;

/** /learner/{id}: what one learner may want next, their tokens, and everything that is known of them. */
export function learnerPage(tokens: TokenHistory): Page {
  return {
    path: "/learner/:id",
    place: "learner",
    summary: "a learner's courses, tokens and data",
    subject: (context) => ({ kind: "learner", id: context.req.param("id") ?? "" }),
    live_s: 5,
    record: "learner",
    content: async ({ context, ask, wait_ms }) => {
      const id = readId(context);
      const [learner, definitions, personalisation] = await Promise.all([ask.get<EntityFeaturesAnswer>(`/features/learner/${id}`), ask.get<FeaturesAnswer>("/features"), ask.get<PersonalisationAnswer>(`/learners/${id}/personalisation`)]);
      const [scores, recommendations, transactions] = await Promise.all([
        within(ask.find<LearnerScoresAnswer>(`/learner/${id}/propensity`), wait_ms),
        within(ask.find<RecommendationsAnswer>(`/learner/${id}/recommendations?limit=${RECOMMENDED}`), wait_ms),
        within(tokens.of(id), wait_ms),
      ]);
      return {
        title: `Learner ${id}`,
        body: (
          <>
            <h1>
              Your learning <span class="muted id">{id}</span>
            </h1>
            <Figures features={learner.features} />
            <Section title="For you" id="recommended" aside="Courses that fit what you have taken, at today's prices.">
              {recommendations === undefined ? <RecommendationsPending /> : <Recommendations learner_id={id} list={recommendations.recommendations} />}
            </Section>
            <div class="figures two section">
              <section class="card" aria-labelledby="top-up">
                <h2 id="top-up">Tokens</h2>
                {recommendations === undefined ? <p class="top-up">…</p> : <TopUp recommendations={recommendations} />}
                <Split features={learner.features} />
              </section>
              <section class="card" aria-labelledby="transactions">
                <h2 id="transactions">Transactions</h2>
                <Transactions events={transactions} />
              </section>
            </div>
            <Section title="What the platform knows about you" id="known" aside="All of it. List prices are the same for everybody; these figures decide which courses are shown, and whether you are offered less.">
              <Personalisation answer={personalisation} />
              {scores === undefined ? <Pending>Working out the scores…</Pending> : <Scores scores={scores} />}
              <Features entity="learner" features={learner.features} definitions={definitions.features} />
              <p class="muted">
                Last event <Ago time={learner.updated_at} />. The platform erases all of it with one event, <code>learner.erased</code>.
              </p>
            </Section>
          </>
        ),
      };
    },
  };
}

const feature = (features: Readonly<Record<string, number>>, name: string): number => features[name] ?? 0;

function Figures({ features }: { readonly features: Readonly<Record<string, number>> }) {
  const enrolled = feature(features, "enrolled");
  return (
    <dl class="tiles">
      <Tile label="Balance" value={formatWhole(feature(features, "balance_tokens"))} unit="tokens" note={`${formatWhole(feature(features, "spent_90d_tokens"))} spent in 90 days`} />
      <Tile label="Courses completed" value={formatWhole(feature(features, "completed"))} note={`of ${formatWhole(enrolled)} enrolled in`} />
      <Tile label="Studied, 30 days" value={formatWhole(feature(features, "session_minutes_30d"))} unit="minutes" note={`${formatWhole(feature(features, "session_minutes_7d"))} in the last 7 days`} />
      <Tile label="Streak" value={formatWhole(feature(features, "streak_days"))} unit={feature(features, "streak_days") === 1 ? "day" : "days"} note={`longest: ${formatWhole(feature(features, "longest_streak_days"))} days`} />
    </dl>
  );
}

/** Whether one's own data may move one's own prices: changed by a click, and the next price keeps to it. */
function Personalisation({ answer: { learner_id, allowed, author, time, reason, sequence } }: { readonly answer: PersonalisationAnswer }) {
  return (
    <form class="card stack consent" data-form="PUT" data-follows action={`/learners/${learner_id}/personalisation`} data-done={allowed ? "Your data does not move your prices any more." : "Your data may lower your prices again."}>
      <p>
        <strong>{allowed ? "Your data may lower your prices." : "Your data does not move your prices."}</strong> <span class="muted">Never above the list price, and never by who you are.</span>
        {time !== null && (
          <span class="under">
            Decided by {author}, <Ago time={time} />: {reason}
          </span>
        )}
      </p>
      <div class="row">
        <button type="submit" class="button quiet" data-body={JSON.stringify({ allowed: !allowed, reason: allowed ? "opted out on this page" : "opted in on this page", expected_sequence: sequence })}>
          {allowed ? "Do not use my data for prices" : "Use my data for prices"}
        </button>
        <p class="told-form" role="status" data-told></p>
      </div>
    </form>
  );
}

/** Their places: as many cards, as high as they will be. */
function RecommendationsPending() {
  return (
    <div class="pending" role="status">
      <span class="visually-hidden">Looking for courses…</span>
      <ul class="offers" aria-hidden="true">
        {Array.from({ length: RECOMMENDED }, () => (
          <li class="card offer">
            <span class="pulse"></span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Recommendations({ learner_id, list }: { readonly learner_id: string; readonly list: readonly Recommendation[] }) {
  if (list.length === 0) return <Empty title="Nothing to recommend yet">Every course that fits was taken, or still lacks a prerequisite.</Empty>;
  return (
    <ul class="offers">
      {list.map(({ course_id, title, category, price, quote, affordability, reason }) => (
        <li class="card offer">
          <p class="kicker">{category}</p>
          <h3>{title ?? course_id}</h3>
          <p class="offer-price">
            {quote !== null && quote.price < price && (
              <>
                <s class="muted">{formatWhole(price)}</s>{" "}
              </>
            )}
            <strong data-value>{formatWhole(quote?.price ?? price)}</strong> <span class="unit">{quote === null ? "tokens, list price" : `tokens, yours until ${formatMinute(Date.parse(quote.expires_at))}`}</span>
          </p>
          <Bar share={affordability} tone={affordability >= 1 ? "teal" : "orange"} />
          <p class="muted small">{affordability >= 1 ? "Your balance covers it." : `Your balance covers ${formatWholeShare(affordability)} of it.`}</p>
          <p class="small">{toYou(reason)}</p>
          <div class="offer-own" data-offer id={`offer-${course_id}`}>
            <button type="button" class="button quiet" data-ask-offer={course_id} data-learner={learner_id}>
              {quote === null ? "Show my price" : "Show why"}
            </button>
            <p class="told-form small" role="status" data-told></p>
          </div>
        </li>
      ))}
    </ul>
  );
}

/** How many tokens would open which course: the nearest one, and all that are recommended. */
function TopUp({ recommendations: { recommendations, balance_tokens } }: { readonly recommendations: RecommendationsAnswer }) {
  const short = recommendations.map((recommendation) => ({ ...recommendation, missing: Math.ceil((recommendation.quote?.price ?? recommendation.price) - Math.max(0, balance_tokens)) })).sort((a, b) => a.missing - b.missing);
  const open = short.filter(({ missing }) => missing <= 0).length;
  const next = short.find(({ missing }) => missing > 0);
  if (short.length === 0) return <p class="top-up">No course to save for at the moment.</p>;
  return (
    <p class="top-up">
      {open > 0 && `Your balance covers ${open === 1 ? "one" : formatWhole(open)} of the courses above. `}
      {next === undefined ? (
        "No top-up is needed."
      ) : (
        <>
          With <strong>{formatTokens(next.missing)}</strong> more you could take <em>{next.title ?? next.course_id}</em>.
        </>
      )}
    </p>
  );
}

function Split({ features }: { readonly features: Readonly<Record<string, number>> }) {
  const rows = [
    ["Purchased", "purchased_tokens", "teal"],
    ["Earned", "earned_tokens", "teal"],
    ["Spent", "spent_tokens", "orange"],
  ] as const;
  const most = Math.max(1, ...rows.map(([, name]) => feature(features, name)));
  return (
    <table class="data plain">
      <caption>All time, tokens</caption>
      <thead class="visually-hidden">
        <tr>
          <th scope="col">Kind</th>
          <th scope="col">Bar</th>
          <th scope="col">Tokens</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([label, name, tone]) => (
          <tr>
            <th scope="row">{label}</th>
            <td class="with-bar">
              <Bar share={feature(features, name) / most} tone={tone} />
            </td>
            <td class="number" data-value>
              {formatWhole(feature(features, name))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const transactionWords: Readonly<Record<TokenEvent["type"], readonly [label: string, sign: 1 | -1]>> = {
  "token.purchased": ["Purchased", 1],
  "token.earned": ["Earned", 1],
  "token.spent": ["Spent", -1],
  "token.refunded": ["Refunded", 1],
  "token.expired": ["Expired", -1],
};

function Transactions({ events }: { readonly events: readonly TokenEvent[] | undefined }) {
  if (events === undefined) return <Pending>Reading the stream…</Pending>;
  if (events.length === 0) return <Empty title="No transaction yet">Tokens that are purchased, earned or spent appear here.</Empty>;
  const rows = (part: readonly TokenEvent[]) =>
    part.map(({ type, time, amount, course_id }) => {
      const [label, sign] = transactionWords[type];
      return (
        <tr>
          <th scope="row">
            {label} {course_id !== undefined && <span class="muted">{course_id}</span>}
          </th>
          <td class="muted">{formatMinute(Date.parse(time))}</td>
          <td class={`number ${sign > 0 ? "plus" : "minus"}`}>
            {sign > 0 ? "+" : "−"}
            {formatCount(amount)}
          </td>
        </tr>
      );
    });
  const heads = (
    <thead class="visually-hidden">
      <tr>
        <th scope="col">What</th>
        <th scope="col">When</th>
        <th scope="col">Tokens</th>
      </tr>
    </thead>
  );
  return (
    <>
      <table class="data plain">
        {heads}
        <tbody>{rows(events.slice(0, TRANSACTIONS))}</tbody>
      </table>
      {events.length > TRANSACTIONS && (
        <details>
          <summary>{formatWhole(events.length - TRANSACTIONS)} earlier ones</summary>
          <table class="data plain">
            {heads}
            <tbody>{rows(events.slice(TRANSACTIONS))}</tbody>
          </table>
        </details>
      )}
    </>
  );
}

const questions: Readonly<Record<(typeof dimensions)[number], string>> = {
  enrollment: "How likely you are to enroll within a month",
  churn: "How likely you are to stay away for two months",
  completion: "How likely you are to complete what you began",
  upsell: "How likely you are to choose a dearer course or a higher tier",
  price_sensitivity: "How much a price matters to you, compared with others",
};

function Scores({ scores }: { readonly scores: LearnerScoresAnswer }) {
  return (
    <>
      {scores.cold_start && <p class="notice">Nothing that you did is known yet: these are what learners are like of whom that holds.</p>}
      <ul class="segments scores">
        {dimensions.map((dimension) => {
          const { score, interval, drivers, model } = scores.scores[dimension];
          return (
            <li class="card">
              <h3>{questions[dimension]}</h3>
              <p class="big">
                <span data-value>{formatWholeShare(score)}</span>{" "}
                <span class="muted">
                  {formatWholeShare(interval.low)} to {formatWholeShare(interval.high)}
                </span>
              </p>
              <Bar share={score} />
              {(drivers ?? []).length === 0 ? (
                <p class="muted small">By {model.replaceAll("_", " ")}: the same for everybody.</p>
              ) : (
                <ul class="drivers">
                  {(drivers ?? []).slice(0, 3).map(({ text, direction }) => (
                    <li>
                      <span aria-hidden="true">{direction === "raises" ? "↑" : "↓"}</span> {text}
                    </li>
                  ))}
                </ul>
              )}
            </li>
          );
        })}
      </ul>
      <p class="muted">
        Segment <Badge tone="plain">{scores.segment}</Badge> Risk of leaving <Badge tone="plain">{scores.risk_level}</Badge> Model {scores.model === "none" ? "hand-weighted scores" : scores.model}, rules {scores.rules}.
      </p>
    </>
  );
}
