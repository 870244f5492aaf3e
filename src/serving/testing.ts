import { defaultActionRules } from "../contracts/action-rules.ts";
import type { Artifact } from "../contracts/artifact.ts";
import type { ModelPromoted } from "../contracts/control.ts";
import type { Event } from "../contracts/events.ts";
import type { SegmentsAnswer } from "../contracts/learner-scores.ts";
import type { PropensityArtifact } from "../contracts/propensity.ts";
import { modelSubject } from "../contracts/subjects.ts";
import { ControlWriter } from "../features/control-writer.ts";
import { FeatureReader } from "../features/feature-reader.ts";
import { FeatureWriter } from "../features/feature-writer.ts";
import { MemoryStore } from "../features/memory-store.ts";
import type { BrokerMessage, BulkPublisher, ConsumeOptions, Consumption, DeliveredMessage, MessageQuery, ObjectEntry, PublishAck, PublishOptions, StreamState } from "../ingest/broker-message.ts";
import type { Clock } from "../lib/clock.ts";
import { TidemarkError } from "../lib/errors.ts";
import { silentLogger } from "../lib/log.ts";
import type { Logger } from "../lib/log.ts";
import { handScorer } from "../models/propensity/hand-scorer.ts";
import type { PropensityScorer } from "../models/propensity/scorer.ts";
import { compileActionRules } from "../pricing/learners/action-rules.ts";
import { DAY_MS, formatTime, parseTime } from "../lib/time.ts";
import { artifactDigest, type CompiledModel, encodeArtifact } from "../models/compiled.ts";
import { elasticityFeatureNames } from "../models/elasticity-features.ts";
import { BatchPrices } from "./batch-prices.ts";
import { type AppDeps, createApp } from "./app.ts";
import type { BrokerPort } from "./broker-link.ts";
import { BundleService } from "./bundles/bundle-service.ts";
import { type Catalogue, createCatalogue } from "./catalogue.ts";
import type { ControlDeps } from "./control-deps.ts";
import { ControlDesk } from "./control-desk.ts";
import { CourseIndexes } from "./course-indexes.ts";
import { DecisionLog } from "./decision-log.ts";
import { DegradationMonitor } from "./degradation.ts";
import { EventIntake, type EventPublisher } from "./event-intake.ts";
import { ExperimentDesk } from "./experiments/experiment-desk.ts";
import { watchExperiments } from "./experiments/experiment-metrics.ts";
import { ExperimentHolder } from "./experiments/experiment-holder.ts";
import { FeatureService } from "./feature-service.ts";
import type { FeatureSource, OpenFeatures } from "./feature-source.ts";
import { watchGate } from "./gate-metrics.ts";
import { HealthReport } from "./health.ts";
import { LearnerScores } from "./learners/learner-scores.ts";
import { createLearners, type Learners } from "./learners/learners.ts";
import { ServingMetrics } from "./metrics.ts";
import { ModelDesk } from "./models/model-desk.ts";
import { ModelHolder, type ServableModel } from "./model-holder.ts";
import { elasticityFamily } from "./model-info.ts";
import { operationsState } from "./pages/operations-history.ts";
import { PageWatch } from "./pages/page-watch.ts";
import { createPersonal, type Personal } from "./personal/personal.ts";
import { TestQuoteBroker, testKeyring } from "./personal/testing.ts";
import { PolicyDesk } from "./policies/policy-desk.ts";
import { PolicySimulation } from "./policies/policy-simulation.ts";
import type { LogBroker } from "./policies/logged-messages.ts";
import { PolicyHolder } from "./policies/policy-holder.ts";
import type { PolicySource } from "./policy-source.ts";
import { createPriceChangeDesk } from "./price-changes/price-changes.ts";
import { PriceService } from "./price-service.ts";
import { type Access, openAccess } from "./route-table.ts";
import { StreamHub } from "./stream/stream-hub.ts";
import type { Tracing } from "./tracing.ts";
import { Turns } from "./turns.ts";

export const START_MS = parseTime("2026-03-01T12:00:30.000Z");
const STREAM_CREATED = "2026-01-01T00:00:00.000Z";

/** Time stands still until a test moves it; sleeping takes a millisecond of real time. */
export class TestClock implements Clock {
  time_ms = START_MS;
  /** Whether a sleep moves time by as much. */
  passing = false;

  now_ms(): number {
    return this.time_ms;
  }

  sleep(ms = 0): Promise<void> {
    if (this.passing) this.time_ms += ms;
    return new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export interface Published {
  readonly subject: string;
  readonly text: string;
  readonly message_id: string | undefined;
}

/** A broker in memory that fails when told to. */
export class TestBroker implements BrokerPort, EventPublisher {
  connected = true;
  /** Groups of publications that fail before one is taken again. */
  failures = 0;
  /** What no stream takes. */
  refused_subject: string | undefined;
  stream: StreamState | undefined;
  readonly published: Published[] = [];
  readonly objects = new Map<string, Uint8Array>();

  /** Takes what is published on CONTROL, instead of `published`: its sequence. Throws what the broker would refuse it with. */
  onControl: ((subject: string, data: Uint8Array, options?: PublishOptions) => number) | undefined;

  async publish(subject: string, data: Uint8Array, options?: PublishOptions): Promise<PublishAck> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.connected) throw new TidemarkError("broker_unreachable", "not connected");
    if (this.failures > 0) {
      this.failures--;
      throw new TidemarkError("broker_unreachable", "no acknowledgement");
    }
    if (subject.startsWith("control.") && this.onControl !== undefined) return { sequence: this.onControl(subject, data, options), duplicate: false };
    this.published.push({ subject, text: new TextDecoder().decode(data), message_id: options?.message_id });
    return { sequence: this.published.length, duplicate: false };
  }

  bulkPublisher(): BulkPublisher {
    const sent: Published[] = [];
    let acknowledged = 0;
    const { published } = this;
    return {
      publish: (subject, data, message_id) => {
        sent.push({ subject, text: new TextDecoder().decode(data), message_id });
        return undefined;
      },
      flush: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        if (!this.connected) throw new Error("not connected");
        if (sent.some(({ subject }) => subject === this.refused_subject)) throw new TidemarkError("broker_refused", "no stream takes this subject");
        if (this.failures > 0) {
          this.failures--;
          // As with a lost connection: some of them are stored all the same.
          this.#store(sent.splice(0, sent.length >> 1));
          throw new Error("no acknowledgement");
        }
        acknowledged += sent.length;
        this.#store(sent.splice(0));
      },
      get acknowledged() {
        return Math.min(acknowledged, published.length);
      },
    };
  }

  /** One message an id, like the broker. */
  #store(messages: readonly Published[]): void {
    for (const message of messages) if (!this.published.some(({ message_id }) => message_id === message.message_id)) this.published.push(message);
  }

  readonly #listeners = new Map<string, Set<(message: DeliveredMessage) => void>>();

  /** What consumers of a stream get; subjects are theirs to tell apart. */
  deliver(stream: string, subject: string, sequence: number, message: unknown): void {
    const data = new TextEncoder().encode(typeof message === "string" ? message : JSON.stringify(message));
    for (const listen of this.#listeners.get(stream) ?? []) listen({ subject, sequence, time_ms: START_MS, data, pending: 0 });
  }

  consumers(stream: string): number {
    return this.#listeners.get(stream)?.size ?? 0;
  }

  async consume(stream: string, { subject }: ConsumeOptions, onMessage: (message: DeliveredMessage) => void): Promise<Consumption> {
    if (!this.connected) throw new TidemarkError("broker_unreachable", "not connected");
    const listeners = this.#listeners.get(stream) ?? new Set();
    this.#listeners.set(stream, listeners);
    listeners.add(onMessage);
    if (subject !== undefined) setImmediate(() => this.messages.filter((message) => message.subject === subject).forEach((message) => onMessage({ ...message, pending: 0 })));
    return {
      pause: () => void listeners.delete(onMessage),
      resume: () => void listeners.add(onMessage),
      stop: async () => void listeners.delete(onMessage),
      closed: new Promise(() => undefined),
    };
  }

  getObject(_bucket: string, name: string): Promise<Uint8Array | undefined> {
    return this.#answer(this.objects.get(name));
  }

  /** Of every bucket: names tell them apart. */
  listObjects(_bucket: string): Promise<ObjectEntry[]> {
    return this.#answer([...this.objects].map(([name, bytes]) => ({ name, bytes: bytes.byteLength, stored_at: formatTime(START_MS), metadata: { digest: artifactDigest(bytes) } })));
  }

  /** What is stored, for those who read one subject. */
  readonly messages: BrokerMessage[] = [];

  getMessage(_stream: string, which: MessageQuery): Promise<BrokerMessage | undefined> {
    return this.#answer("last_by_subject" in which ? this.messages.findLast(({ subject }) => subject === which.last_by_subject || (which.last_by_subject.endsWith(".*") && subject.startsWith(which.last_by_subject.slice(0, -1)))) : undefined);
  }

  streamInfo(): Promise<StreamState | undefined> {
    return this.#answer(this.stream);
  }

  #answer<T>(value: T): Promise<T> {
    return this.connected ? Promise.resolve(value) : Promise.reject(new TidemarkError("broker_unreachable", "not connected"));
  }
}

/** A log-linear model that falls with price; `version` makes another artifact of it. */
export function testArtifact(version = "v1", price_coefficient = -1.6): Artifact {
  const columns = elasticityFeatureNames.length;
  const coefficients = elasticityFeatureNames.map((name) => (name === "log_price_vs_reference" ? price_coefficient : name === "log_conversion_90d" ? 1 : 0));
  return {
    format: 1,
    family: "elasticity",
    version,
    feature_names: [...elasticityFeatureNames],
    champion: "log_linear",
    model: { kind: "log_linear", mean: new Array<number>(columns).fill(0), scale: new Array<number>(columns).fill(1), coefficients, intercept: 0 },
    candidates: [
      {
        name: "log_linear",
        metrics: { rows: 100, poisson_deviance: 0.9, skill: 0.1, r2_log: 0.4, rmse_log: 0.5, mape_log: 0.6, wape: 0.7 },
        elasticity: price_coefficient,
        importance: { log_price_vs_reference: 1 },
        backend: "cpu",
        training_seconds: 1.5,
      },
    ],
    elasticity: {
      global: { value: -1.6, se: 0.1, sales: 1000, identified: true, source: "global" },
      tau_category: 0.2,
      tau_course: 0.3,
      categories: { programming: { value: -1.4, se: 0.2, sales: 300, identified: true, source: "category" } },
    },
    level_sd: 0.5,
    dispersion: { "": 1.2 },
    lineage: {
      run_id: "r1",
      seed: 1,
      stream: "EVENTS",
      stream_created: STREAM_CREATED,
      first_sequence: 1,
      last_sequence: 1000,
      trained_at: "2026-03-01T00:00:00.000Z",
      data_from: "2025-03-01T00:00:00.000Z",
      data_to: "2026-03-01T00:00:00.000Z",
      rows: 100,
      code_version: "test",
    },
  };
}

export interface TestEngineOptions {
  readonly cache_dir?: string;
  readonly logger?: Logger;
  readonly policies?: PolicySource;
  /** Logged traffic for simulations; there is none unless given. */
  readonly log?: LogBroker;
  readonly access?: Access;
  readonly cors_origins?: readonly string[];
  readonly tracing?: Tracing;
  readonly request_log?: Logger;
}

/** Streams that hold nothing. */
const noLog: LogBroker = {
  streamInfo: () => Promise.resolve({ created: STREAM_CREATED, first_sequence: 0, last_sequence: 0, messages: 0, bytes: 0 }),
  getMessage: () => Promise.resolve(undefined),
  consume: () => Promise.reject(new Error("nothing to read")),
};

type Served = Pick<ModelHolder<ServableModel>, "current" | "failures" | "swaps">;

/** Like a holder of the models that a test sets. */
function servedFamily(propensity: { readonly current: { readonly model: PropensityScorer; readonly info?: string } | undefined }): Served {
  return {
    get current() {
      return propensity.current === undefined ? undefined : { info: JSON.stringify({ family: "propensity" }), ...propensity.current };
    },
    failures: 0,
    swaps: 0,
  };
}

/** The whole of serving over a store in memory that the real folds write. */
export class TestEngine {
  readonly clock = new TestClock();
  readonly broker = new TestBroker();
  readonly store = new MemoryStore();
  readonly features: { current: OpenFeatures | undefined; reason: string };
  readonly models: ModelHolder<CompiledModel>;
  readonly decisions: DecisionLog;
  readonly degradation: DegradationMonitor;
  readonly health: HealthReport;
  readonly prices: PriceService;
  /** What the application is made of: a test may put another part in. */
  readonly appDeps: AppDeps;
  readonly batches: BatchPrices;
  readonly events: EventIntake;
  readonly desk: ControlDesk;
  /** The policies in force, experiments left out. */
  readonly documents: PolicyHolder;
  readonly control: ControlDeps;
  /** The policies in force, experiments included. */
  readonly policies: ExperimentHolder;
  readonly experiments: ExperimentDesk;
  readonly bundles: BundleService;
  readonly stream = new StreamHub({ broker: this.broker, clock: this.clock, logger: silentLogger });
  readonly watch = new PageWatch(this.clock, silentLogger);
  readonly catalogue: Catalogue;
  readonly turns = new Turns();
  /** Set to serve a model; without one the hand-weighted scores answer. */
  readonly propensity: { current: { model: PropensityScorer; info?: string } | undefined } = { current: undefined };
  readonly movement: { current: SegmentsAnswer["movement"] } = { current: null };
  /** The same as an application has it. */
  readonly served = servedFamily(this.propensity);
  readonly scores: LearnerScores;
  readonly learners: Learners;
  readonly quote_broker: TestQuoteBroker;
  readonly quotes: Personal;
  readonly metrics = new ServingMetrics();
  readonly app: ReturnType<typeof createApp>;
  readonly #writer = new FeatureWriter(this.store);
  readonly #control = new ControlWriter(this.store);
  #sequence = 0;
  #controlled = 0;
  readonly #control_last = new Map<string, number>();

  constructor(options: TestEngineOptions = {}) {
    const { cache_dir = "/dev/null/no-directory", logger = silentLogger } = options;
    const { clock, broker } = this;
    this.features = { current: { store: this.store, reader: new FeatureReader(this.store) }, reason: "" } satisfies FeatureSource;
    const { features } = this;
    this.documents = new PolicyHolder({ features, clock, logger });
    const documents = options.policies ?? this.documents;
    this.policies = new ExperimentHolder({ policies: documents, features, clock });
    const { policies } = this;
    this.models = new ModelHolder({ family: elasticityFamily, features, broker, clock, logger, cache_dir });
    this.decisions = new DecisionLog({ broker, clock, logger });
    this.degradation = new DegradationMonitor(broker, features, clock, policies);
    const { models, decisions, degradation } = this;
    this.prices = new PriceService({ features, models, degradation, decisions, policies, clock });
    this.health = new HealthReport({ features, models, decisions, degradation, broker, clock, version: "0.0.0" });
    broker.onControl = (subject, data, options) => {
      const expected = options?.expected_last_subject_sequence;
      if (expected !== undefined && expected !== (this.#control_last.get(subject) ?? 0)) throw new TidemarkError("wrong_last_sequence", "another message came in between");
      return this.#foldControl(subject, data);
    };
    this.desk = new ControlDesk({ broker, features, clock, logger });
    this.control = {
      desk: this.desk,
      features,
      clock,
      models: new ModelDesk({ broker, desk: this.desk, clock }),
      policies: new PolicyDesk({ desk: this.desk, features, holder: this.documents, clock }),
      simulation: new PolicySimulation({ broker: options.log ?? noLog, features, models, policies, turns: this.turns, clock, logger }),
      prices: createPriceChangeDesk({ features, policies, prices: this.prices, desk: this.desk, clock }).desk,
    };
    const { control } = this;
    const { metrics, turns, propensity, movement } = this;
    this.events = new EventIntake({ broker, clock, logger });
    const indexes = new CourseIndexes(features, turns, clock);
    this.catalogue = createCatalogue({ features, prices: this.prices, models, degradation, policies, clock, turns, indexes });
    const rules = compileActionRules(defaultActionRules);
    this.scores = new LearnerScores({ features, propensity, fallback: handScorer, rules, clock });
    const { events, catalogue, scores, prices } = this;
    this.experiments = new ExperimentDesk({ features, control: this.desk, holder: policies, policies: documents, scores, turns, clock });
    const { experiments } = this;
    const bundles = new BundleService({ features, models, degradation, policies, decisions, turns, clock });
    this.bundles = bundles;
    this.quote_broker = new TestQuoteBroker(clock);
    const modelOf = (digest: string): Promise<CompiledModel | undefined> => Promise.resolve(models.current?.model.digest === digest ? models.current.model : undefined);
    this.quotes = createPersonal({ features, scores, decisions, keyring: testKeyring(), broker: this.quote_broker, modelOf, turns, clock, logger, models, degradation, policies });
    const { quotes } = this;
    this.learners = createLearners({ features, scores, rules, degradation, turns, clock, indexes, pricing: { models, degradation, policies }, movement, quotes: quotes.desk });
    const { learners, served } = this;
    const signals = { published: 0, baselines: 0, passed_over: 0, leading: false };
    const metricsText = (): Promise<string> => metrics.registry.metrics();
    const pages = { watch: this.watch, features, pricing: { models, degradation, policies }, broker, turns, clock, metricsText, operations: () => operationsState(features, degradation) };
    metrics.watch({ prices, models, propensity: served, decisions, events, turns, indexes, scores, learners, signals, degradation, features, policies, quotes });
    this.batches = new BatchPrices({ features, prices, decisions, clock });
    watchExperiments(metrics.registry, { holder: policies, checker: { stopped_arms: 0, failures: 0 }, bundles });
    watchGate(metrics.registry, { keys: { usable: 0 }, access: { refused: { unauthorized: 0, forbidden: 0, rate_limited: 0 } }, stream: this.stream, pages: this.watch, features, clock });
    this.appDeps = {
      prices,
      batches: this.batches,
      models,
      propensity: served,
      features: new FeatureService(features, clock),
      catalogue,
      learners,
      health: this.health,
      events,
      control,
      experiments,
      bundles,
      stream: this.stream,
      quotes,
      metrics,
      metricsText,
      pages,
      logger,
      version: "0.0.0",
      access: options.access ?? openAccess,
      cors_origins: options.cors_origins ?? [],
      tracing: options.tracing,
      request_log: options.request_log,
    };
    this.app = createApp(this.appDeps);
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Folds events, each at its own time, and commits. */
  fold(...events: readonly Event[]): void {
    for (const event of events) {
      const event_time_ms = parseTime(event.time);
      this.#writer.apply({ sequence: ++this.#sequence, broker_time_ms: event_time_ms, event_time_ms, known_at_ms: event_time_ms, event });
    }
    this.#writer.commit({ stream_created: STREAM_CREATED, sequence: this.#sequence, message_hash: "" });
    this.broker.stream = { created: STREAM_CREATED, first_sequence: 1, last_sequence: this.#sequence, messages: this.#sequence, bytes: 0 };
  }

  /** A catalogue of two courses with some sales. */
  foldCatalogue(): void {
    const course = (course_id: string, category: string, base_price: number): Event => ({
      id: `up-${course_id}`,
      type: "course.upserted",
      time: formatTime(START_MS - 100 * DAY_MS),
      course_id,
      teacher_id: "t1",
      category,
      difficulty_level: "intermediate",
      quality_tier: "standard",
      base_price,
      launched_at: formatTime(START_MS - 100 * DAY_MS),
    });
    this.fold(course("c1", "programming", 100), course("c2", "programming", 80), course("c3", "design", 60));
    for (let i = 0; i < 40; i++) {
      const time = formatTime(START_MS - (40 - i) * DAY_MS);
      this.fold({ id: `x${i}`, type: "exposure.viewed", time, course_id: "c1", learner_id: `l${i}`, price: 100 });
      if (i % 8 === 0) this.enroll("c1", 100, time);
    }
  }

  enroll(course_id: string, price: number, time = formatTime(this.clock.time_ms)): void {
    const id = `e${this.#sequence}`;
    this.fold({ id, type: "enrollment.created", time, enrollment_id: id, course_id, learner_id: "l1", price });
  }

  /** Puts an artifact into the object store and folds its promotion. */
  promote(artifact: Artifact | PropensityArtifact, bytes: Uint8Array = encodeArtifact(artifact), more: Partial<ModelPromoted> = {}): string {
    const digest = artifactDigest(encodeArtifact(artifact));
    const name = `${artifact.family}/${artifact.version}`;
    this.broker.objects.set(name, bytes);
    const promoted = { type: "model.promoted", time: formatTime(this.clock.time_ms), family: artifact.family, artifact: name, digest, version: artifact.version, reason: "test", ...more };
    this.#foldControl(modelSubject(artifact.family), new TextEncoder().encode(JSON.stringify(promoted)));
    return digest;
  }

  /** Folds a message of CONTROL. */
  foldControl(subject: string, message: object): void {
    this.#foldControl(subject, new TextEncoder().encode(JSON.stringify(message)));
  }

  /** CONTROL and its fold in one. */
  #foldControl(subject: string, data: Uint8Array): number {
    const sequence = ++this.#controlled;
    this.#control_last.set(subject, sequence);
    this.broker.messages.push({ subject, sequence, time_ms: this.clock.time_ms, data });
    this.#control.apply(subject, data, sequence);
    this.#control.commit({ stream_created: STREAM_CREATED, sequence, message_hash: "" });
    return sequence;
  }

  post(path: string, body: unknown, method: "POST" | "PUT" = "POST"): Promise<Response> {
    const text = JSON.stringify(body);
    return Promise.resolve(this.app.request(path, { method, body: text, headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) } }));
  }

  /** Waits until everything recorded is published. */
  async flushed(): Promise<void> {
    while (this.decisions.pending > 0) await this.clock.sleep();
  }
}

