import type { HealthAnswer } from "../../../contracts/api.ts";
import { STREAM_DLQ } from "../../../contracts/subjects.ts";
import { HOUR_MS } from "../../../lib/time.ts";
import type { BrokerPort } from "../../broker-link.ts";
import type { ChartSpec } from "../chart.ts";
import { Figure } from "../figure.tsx";
import { formatCount, formatShare, formatWhole } from "../format.ts";
import { routeFigures, type Sample, sumOf } from "../metrics-text.ts";
import type { OperationsHistory, OperationsPoint } from "../operations-history.ts";
import { type Page, platformSubject } from "../page.ts";
import { Badge, DataTable, Degraded, Empty, Section, Tile } from "../parts.tsx";

/** /admin/operations: whether events flow, prices are answered, and how fast. */
export function operationsPage(history: OperationsHistory, broker: Pick<BrokerPort, "streamInfo">): Page {
  return {
    path: "/admin/operations",
    place: "operations",
    summary: "event lag, freshness, throughput, dead letters, calls",
    subject: platformSubject,
    live_s: 5,
    content: async ({ ask }) => {
      const [health, points, letters] = await Promise.all([ask.get<HealthAnswer>("/health"), history.points(), broker.streamInfo(STREAM_DLQ).catch(() => undefined)]);
      return {
        title: "Operations",
        body: (
          <>
            <h1>Operations</h1>
            <Degraded reasons={health.degraded} />
            <Figures health={health} points={points} samples={history.samples} letters={letters?.messages} />
            <Section title="The last half hour" id="history" aside="Taken every five seconds while somebody looks at this page.">
              {points.length < 3 ? (
                <Empty title="Just begun">Rates show after a few looks: keep this page open.</Empty>
              ) : (
                <div class="figures three">
                  <Figure id="ops-throughput" title="Throughput, events and calls a second" chart={throughputChart(points)} />
                  <Figure id="ops-lag" title="Event lag, events not folded yet" look="Peaks are batches on their way; a line that rises is a fold that does not keep up." chart={lagChart(points)} />
                  <Figure id="ops-freshness" title="Age of the newest folded event, seconds" look="Without events it grows by itself." chart={freshnessChart(points)} />
                </div>
              )}
            </Section>
            <Section title="Calls by endpoint" id="routes" aside="Since the processes started, all of them together. Times are upper edges of the histogram's buckets.">
              <Routes samples={history.samples} />
            </Section>
          </>
        ),
      };
    },
  };
}

const rate = (points: readonly OperationsPoint[], of: (point: OperationsPoint) => number): number => {
  const [before, last] = [points.at(-2), points.at(-1)];
  if (before === undefined || last === undefined) return 0;
  return Math.max(0, (of(last) - of(before)) / ((last.at_ms - before.at_ms) / 1_000));
};

function Figures({ health, points, samples, letters }: { readonly health: HealthAnswer; readonly points: readonly OperationsPoint[]; readonly samples: readonly Sample[]; readonly letters: number | undefined }) {
  const last = points.at(-1);
  const prices = sumOf(samples, "tidemark_price_cache_hits_total") + sumOf(samples, "tidemark_price_cache_misses_total");
  const degraded = sumOf(samples, "tidemark_degraded_answers_total");
  return (
    <dl class="tiles eight">
      <Tile label="State" value={health.status} note={`broker ${health.broker}, up for ${formatCount((health.uptime_s * 1_000) / HOUR_MS)} h`} />
      <Tile label="Events folded" value={formatWhole(health.features.sequence)} note={`${formatCount(rate(points, ({ sequence }) => sequence))} a second`} />
      <Tile label="Event lag" value={formatWhole(health.features.lag_events ?? 0)} unit="events" note="of the stream, not folded yet" />
      <Tile label="Freshness" value={last === undefined ? "–" : formatCount(last.freshness_ms / 1_000)} unit="s" note="age of the newest event folded" />
      <Tile label="Calls" value={formatCount(rate(points, ({ calls }) => calls))} unit="a second" note={`${formatWhole(last?.calls ?? 0)} since the start`} />
      <Tile label="Degraded answers" value={formatWhole(degraded)} note={prices === 0 ? "no price asked for yet" : `${formatShare(degraded / prices)} of prices`} />
      <Tile label="Dead letters" value={letters === undefined ? "–" : formatWhole(letters)} note={letters === undefined ? "the broker does not say" : letters === 0 ? "every event could be folded" : "`tidemark dlq list` says why"} />
      <Tile label="Decisions recorded" value={formatWhole(sumOf(samples, "tidemark_decisions_recorded_total"))} note={`${formatWhole(sumOf(samples, "tidemark_decisions_pending"))} on their way, ${formatWhole(sumOf(samples, "tidemark_decisions_dropped_total"))} dropped`} />
    </dl>
  );
}

const times = (points: readonly OperationsPoint[]): readonly number[] => points.map(({ at_ms }) => at_ms / 1_000);

function ratesOf(points: readonly OperationsPoint[], of: (point: OperationsPoint) => number): (number | null)[] {
  return points.map((point, i) => {
    const before = points[i - 1];
    return before === undefined ? null : Math.max(0, (of(point) - of(before)) / ((point.at_ms - before.at_ms) / 1_000));
  });
}

function throughputChart(points: readonly OperationsPoint[]): ChartSpec {
  return {
    x: { label: "Time (UTC)", quantity: "time", values: times(points) },
    y: { label: "a second", quantity: "count", from_zero: true },
    series: [
      { label: "Events folded", values: ratesOf(points, ({ sequence }) => sequence), line: "solid", colour: "teal" },
      { label: "Calls answered", values: ratesOf(points, ({ calls }) => calls), line: "dashed", colour: "orange" },
    ],
  };
}

function lagChart(points: readonly OperationsPoint[]): ChartSpec {
  return {
    x: { label: "Time (UTC)", quantity: "time", values: times(points) },
    y: { label: "events", quantity: "count", from_zero: true },
    series: [{ label: "Lag", values: points.map(({ lag_events }) => lag_events), line: "solid", colour: "orange" }],
  };
}

function freshnessChart(points: readonly OperationsPoint[]): ChartSpec {
  return {
    x: { label: "Time (UTC)", quantity: "time", values: times(points) },
    y: { label: "seconds", quantity: "count", from_zero: true },
    series: [{ label: "Age", values: points.map(({ freshness_ms }) => freshness_ms / 1_000), line: "solid", colour: "indigo" }],
  };
}

const milliseconds = (seconds: number | null): string => (seconds === null ? "–" : Number.isFinite(seconds) ? `≤ ${formatCount(seconds * 1_000)} ms` : "> 1 s");

function Routes({ samples }: { readonly samples: readonly Sample[] }) {
  const routes = routeFigures(samples);
  if (routes.length === 0) return <Empty title="No call yet">Ask for a price, and its endpoint appears here.</Empty>;
  return (
    <DataTable
      label="Calls by endpoint"
      columns={["Endpoint", { number: "Calls" }, { number: "Half of them within" }, { number: "99 % within" }, { number: "Failures (5xx)" }]}
    >
      {routes.map(({ route, calls, failures, p50_s, p99_s }) => (
        <tr>
          <th scope="row">
            <code>{route}</code>
          </th>
          <td class="number">{formatWhole(calls)}</td>
          <td class="number">{milliseconds(p50_s)}</td>
          <td class="number">{milliseconds(p99_s)}</td>
          <td class="number">{failures === 0 ? "0" : <Badge tone="bad">{formatWhole(failures)}</Badge>}</td>
        </tr>
      ))}
    </DataTable>
  );
}
