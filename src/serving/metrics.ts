import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { CompiledModel } from "../models/compiled.ts";
import type { Admission } from "./admission.ts";
import type { DecisionLog } from "./decision-log.ts";
import type { Degradation } from "./degradation.ts";
import type { EventIntake } from "./event-intake.ts";
import type { FeatureSource } from "./feature-source.ts";
import type { LearnerScores } from "./learners/learner-scores.ts";
import type { Learners } from "./learners/learners.ts";
import type { ModelHolder, ServableModel } from "./model-holder.ts";
import type { Personal } from "./personal/personal.ts";
import type { PolicySource } from "./policy-source.ts";
import type { PriceWork } from "./price-changes/price-changes.ts";
import type { PriceService } from "./price-service.ts";
import type { SignalPublisher } from "./signals/signal-publisher.ts";
import type { Turns } from "./turns.ts";

/** Buckets around a call that takes tens of microseconds and should take under 6 ms at the 99th percentile. */
const LATENCY_BUCKETS_S = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

export type Observe = (status: number, duration_ms: number) => void;

/** Sources whose own counters are read only when somebody asks for the metrics: the hot path just adds. */
export interface MetricSources {
  readonly prices: PriceService;
  readonly models: ModelHolder<CompiledModel>;
  readonly propensity: Pick<ModelHolder<ServableModel>, "current" | "failures" | "swaps">;
  readonly decisions: DecisionLog;
  readonly events: EventIntake;
  readonly turns: Turns;
  readonly indexes: { readonly courses: number };
  readonly scores: LearnerScores;
  readonly learners: Learners;
  readonly signals: Pick<SignalPublisher, "published" | "baselines" | "passed_over" | "leading">;
  readonly degradation: Degradation;
  readonly features: Pick<FeatureSource, "current">;
  readonly policies: Pick<PolicySource, "platform">;
  readonly quotes: Personal;
}

export class ServingMetrics {
  readonly registry = new Registry();
  readonly #requests = new Histogram({
    name: "tidemark_http_request_duration_seconds",
    help: "Time from a request's headers to its answer, per method, route and status; _count counts the requests",
    labelNames: ["method", "route", "status"],
    buckets: LATENCY_BUCKETS_S,
    registers: [this.registry],
  });

  /** The observer of one route: the histogram's children are resolved once per status. */
  route(method: string, route: string): Observe {
    const byStatus = new Map<number, (seconds: number) => void>();
    return (status, duration_ms) => {
      let observe = byStatus.get(status);
      if (observe === undefined) {
        observe = this.#requests.labels(method, route, String(status)).observe;
        byStatus.set(status, observe);
      }
      observe(duration_ms / 1000);
    };
  }

  /** Registers the figures that others count. In a cluster counters and queues add up, states take the worst. */
  watch(sources: MetricSources): void {
    const { prices, models, propensity, decisions, events, turns, indexes, degradation, features, policies } = sources;
    collectDefaultMetrics({ register: this.registry });
    this.#counter("tidemark_price_cache_hits_total", "Prices answered from the cache", () => prices.hits);
    this.#counter("tidemark_price_cache_misses_total", "Prices computed", () => prices.misses);
    this.#counter("tidemark_price_cache_evictions_total", "Answers that left the full cache", () => prices.evictions);
    this.#gauge("tidemark_price_cache_entries", "Answers in the cache", "sum", () => prices.entries);
    this.#counter("tidemark_degraded_answers_total", "Answers marked as degraded", () => prices.degraded_answers);
    this.#counter("tidemark_decisions_recorded_total", "Decisions that the broker acknowledged", () => decisions.recorded);
    this.#counter("tidemark_decisions_dropped_total", "Decisions that left the full queue unrecorded", () => decisions.dropped);
    this.#counter("tidemark_decisions_retries_total", "Publications of decisions that failed and were tried again", () => decisions.retries);
    this.#gauge("tidemark_decisions_pending", "Decisions not acknowledged yet", "sum", () => decisions.pending);
    this.#watchEvents(events);
    this.#gauge("tidemark_turns_running", "Calls for courses, categories and learners under way", "sum", () => turns.tasks);
    this.#counter("tidemark_turns_shed_total", "Calls for courses, categories and learners turned away because too many were under way", () => turns.refused);
    this.#gauge("tidemark_course_index_courses", "Courses in the index that filters and orders go by; 0 while nobody asked for one", "sum", () => indexes.courses);
    this.#watchLearners(sources);
    this.#watchQuotes(sources);
    this.#counter("tidemark_model_load_failures_total", "Promoted models that could not be loaded", () => models.failures + propensity.failures);
    this.#counter("tidemark_model_swaps_total", "Models put into service", () => models.swaps + propensity.swaps);
    this.#gauge("tidemark_event_lag_events", "Events of the stream that the feature store has not folded", "max", () => degradation.lag_events ?? 0);
    const info = new Gauge({
      name: "tidemark_serving_info",
      help: "Always 1; models and policy in service are its labels",
      labelNames: ["model", "propensity_model", "policy"],
      aggregator: "first",
      registers: [this.registry],
      collect(): void {
        info.reset();
        info.set({ model: models.current?.model.version ?? "none", propensity_model: propensity.current?.model.version ?? "none", policy: policies.platform.version }, 1);
      },
    });
    const degraded = new Gauge({
      name: "tidemark_degraded",
      help: "1 while the reason holds",
      labelNames: ["reason"],
      aggregator: "max",
      registers: [this.registry],
      collect(): void {
        const reasons = new Set<string>(degradation.reasons);
        for (const reason of ["broker_unreachable", "features_stale"]) degraded.set({ reason }, reasons.has(reason) ? 1 : 0);
        degraded.set({ reason: "features_unavailable" }, features.current === undefined ? 1 : 0);
        degraded.set({ reason: "no_model" }, models.current === undefined ? 1 : 0);
        degraded.set({ reason: "no_propensity_model" }, propensity.current === undefined ? 1 : 0);
      },
    });
  }

  /** Registers what the server counts: it is made after the application that answers with these figures. */
  watchServer(server: { readonly refused: number; readonly admission: Pick<Admission, "refused" | "held" | "under_way"> }): void {
    const { admission } = server;
    this.#counter("tidemark_http_connections_refused_total", "Connections closed because there were too many", () => server.refused);
    this.#counter("tidemark_http_requests_refused_total", "Requests answered with 503 because more were asked for than can be answered in time", () => admission.refused);
    this.#gauge("tidemark_http_refusals_held", "Refusals that are not written yet, so that their connections cannot ask again", "sum", () => admission.held);
    this.#gauge("tidemark_http_requests_under_way", "Requests that wait for something else than the processor", "sum", () => admission.under_way);
  }

  watchPriceWork({ applier, automatic }: PriceWork): void {
    this.#counter("tidemark_prices_applied_total", "List prices that were brought into force", () => applier.applied);
    this.#counter("tidemark_prices_decided_total", "List prices that policies accepted or proposed by themselves", () => automatic.decided);
    this.#gauge("tidemark_prices_scheduled", "List prices that wait for their time", "sum", () => applier.scheduled);
    this.#gauge("tidemark_price_appliers", "Processes that bring prices into force: one of all", "sum", () => (applier.leading ? 1 : 0));
  }

  #watchLearners({ scores, learners, signals }: MetricSources): void {
    this.#counter("tidemark_score_cache_hits_total", "Learners whose scores were kept", () => scores.hits);
    this.#counter("tidemark_score_cache_misses_total", "Learners scored for an answer", () => scores.misses);
    this.#counter("tidemark_score_cache_evictions_total", "Learners that left the full cache of scores", () => scores.evictions);
    this.#gauge("tidemark_score_cache_entries", "Learners in the cache of scores", "sum", () => scores.entries);
    this.#gauge("tidemark_learners_surveyed", "Learners that the last survey of segments and priorities scored", "max", () => learners.surveyed);
    this.#counter("tidemark_signals_published_total", "Changed segments and churn alerts that the broker stored", () => signals.published);
    this.#counter("tidemark_signals_baselines_total", "Rounds that learnt where learners stand and told nobody: the first, and one after every change of the model", () => signals.baselines);
    this.#gauge("tidemark_signals_publishers", "Processes that tell signals: one of all", "sum", () => (signals.leading ? 1 : 0));
    this.#gauge("tidemark_signals_learners_passed_over", "Learners of whom no signals are told, because there are too many", "max", () => signals.passed_over);
  }

  #watchQuotes({ quotes: { desk, budget, citations } }: MetricSources): void {
    this.#gauge("tidemark_personal_quotes_issuing", "Personal quotes that wait for the broker", "sum", () => desk.issuing);
    const answers = new Counter({
      name: "tidemark_personal_prices_total",
      help: "Personal prices: locked before, issued, renewed, lost to a faster process, degraded, and not known to be recorded",
      labelNames: ["outcome"],
      registers: [this.registry],
      collect(): void {
        answers.reset();
        for (const [outcome, count] of Object.entries(desk.counts)) answers.inc({ outcome }, count);
      },
    });
    const budgets = new Counter({
      name: "tidemark_discount_budget_answers_total",
      help: "What the discount budgets said to personal prices",
      labelNames: ["answer"],
      registers: [this.registry],
      collect(): void {
        budgets.reset();
        for (const [answer, count] of budget.counts) budgets.inc({ answer }, count);
      },
    });
    const cited = new Gauge({
      name: "tidemark_quote_citations",
      help: "Enrollments that cited a personal quote, by what they are to it, as last counted",
      labelNames: ["verdict"],
      aggregator: "max",
      registers: [this.registry],
      collect(): void {
        for (const [verdict, count] of Object.entries(citations.counts)) cited.set({ verdict }, count);
      },
    });
  }

  #watchEvents(events: EventIntake): void {
    this.#counter("tidemark_events_accepted_total", "Events of POST /events that the broker stored", () => events.accepted);
    this.#counter("tidemark_events_duplicates_total", "Events of POST /events that the broker had stored before", () => events.duplicates);
    this.#counter("tidemark_events_shed_total", "Calls of POST /events turned away because too much was under way", () => events.shed);
    this.#counter("tidemark_events_unavailable_total", "Calls of POST /events that the broker did not acknowledge in full", () => events.unavailable);
    this.#gauge("tidemark_events_publications", "Events of POST /events that wait for the broker", "sum", () => events.publications);
    this.#gauge("tidemark_events_body_bytes", "Bytes of the bodies of POST /events under way", "sum", () => events.body_bytes);
    const rejected = new Counter({
      name: "tidemark_events_rejected_total",
      help: "Events of POST /events that are not valid, by reason",
      labelNames: ["reason"],
      registers: [this.registry],
      collect(): void {
        rejected.reset();
        for (const [reason, count] of events.rejected) rejected.inc({ reason }, count);
      },
    });
  }

  #counter(name: string, help: string, read: () => number): void {
    const counter = new Counter({
      name,
      help,
      registers: [this.registry],
      collect(): void {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  #gauge(name: string, help: string, aggregator: "sum" | "max", read: () => number): void {
    const gauge = new Gauge({
      name,
      help,
      aggregator,
      registers: [this.registry],
      collect(): void {
        gauge.set(read());
      },
    });
  }
}
