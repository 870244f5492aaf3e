import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { defaultActionRules } from "../contracts/action-rules.ts";
import { StoreDirectory } from "../features/store-directory.ts";
import { Lease } from "../ingest/lease.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { handScorer } from "../models/propensity/hand-scorer.ts";
import { compileActionRules } from "../pricing/learners/action-rules.ts";
import { createApp } from "./app.ts";
import { readCertificates } from "./certificates.ts";
import { BatchPrices } from "./batch-prices.ts";
import { BrokerLink } from "./broker-link.ts";
import { BundleService } from "./bundles/bundle-service.ts";
import { createCatalogue } from "./catalogue.ts";
import { ControlDesk } from "./control-desk.ts";
import { CourseIndexes } from "./course-indexes.ts";
import { DecisionLog } from "./decision-log.ts";
import { DegradationMonitor } from "./degradation.ts";
import { EventIntake } from "./event-intake.ts";
import { ExperimentChecker } from "./experiments/experiment-checker.ts";
import { ExperimentDesk } from "./experiments/experiment-desk.ts";
import { watchExperiments } from "./experiments/experiment-metrics.ts";
import { ExperimentHolder } from "./experiments/experiment-holder.ts";
import { FeatureService } from "./feature-service.ts";
import { LmdbFeatureSource } from "./feature-source.ts";
import { createGate, mustBeSafe } from "./gate.ts";
import { watchGate } from "./gate-metrics.ts";
import { HealthReport } from "./health.ts";
import { HttpServer } from "./http-server.ts";
import { LearnerScores } from "./learners/learner-scores.ts";
import { createLearners } from "./learners/learners.ts";
import { propensityFamily } from "./learners/propensity-family.ts";
import type { ServingMetrics } from "./metrics.ts";
import { createPersonal } from "./personal/personal.ts";
import { QUOTE_KEYS_FILE, QuoteKeyring } from "./personal/quote-keyring.ts";
import { servedModels } from "./personal/served-models.ts";
import { ModelDesk } from "./models/model-desk.ts";
import { ModelHolder } from "./model-holder.ts";
import { elasticityFamily } from "./model-info.ts";
import type { ServeConfig } from "./options.ts";
import { PolicySimulation } from "./policies/policy-simulation.ts";
import { operationsState } from "./pages/operations-history.ts";
import { PageWatch } from "./pages/page-watch.ts";
import { PolicyDesk } from "./policies/policy-desk.ts";
import { PolicyHolder } from "./policies/policy-holder.ts";
import { PriceWork } from "./price-changes/price-changes.ts";
import { PriceService } from "./price-service.ts";
import { rehearse } from "./rehearsal.ts";
import { Repeat } from "./repeat.ts";
import { Movements } from "./signals/movements.ts";
import { SignalPublisher } from "./signals/signal-publisher.ts";
import { StreamHub } from "./stream/stream-hub.ts";
import { startTracing } from "./tracing.ts";
import { Turns } from "./turns.ts";

const MODEL_CHECK_MS = 250;
const STATE_CHECK_MS = 1_000;
/** What a decided price may wait at most before it is in force. */
const APPLIER_CHECK_MS = 100;
const KEY_CHECK_MS = 250;
const CONTROL_CHECK_MS = 250;
const EXPERIMENT_CHECK_MS = 60_000;
const STREAM_BEAT_MS = 5_000;
/** How soon an open page follows what it is about. */
const PAGE_CHECK_MS = 200;
const CERTIFICATE_CHECK_MS = 60_000;
const SURVEY_CHECK_MS = 10_000;
/** Answers given before the broker is there say so; waiting a moment for it avoids that at every start. */
const BROKER_WAIT_MS = 2_000;
const FLUSH_MS = 1_000;
const CITATION_COUNT_MS = 60_000;

export interface ServingProcessOptions {
  readonly config: ServeConfig;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Tells this process's broker connection from its siblings'. */
  readonly name: string;
  readonly metrics: ServingMetrics;
  /** The text of GET /metrics: of this process, or of all of them. */
  readonly metricsText: () => Promise<string>;
}

export interface ServingProcess {
  readonly port: number;
  /** Not ready, finish what is in flight, flush decisions, let go of everything. At most DRAIN_MAX_MS. */
  drain(): Promise<void>;
}

/** One process that answers requests: a broker connection, the feature store, the model and the HTTP server. */
export async function startServing({ config, logger, clock, name, metrics, metricsText }: ServingProcessOptions): Promise<ServingProcess> {
  const features = new LmdbFeatureSource((config.partition_dirs ?? [config.data_dir]).map((directory) => new StoreDirectory(join(directory, "features")).current), logger);
  const { keys, access } = await createGate({ config, features, clock, logger });
  const certificates = await readCertificates(config.gate?.tls);
  const tracing = config.gate?.otlp_url === undefined ? undefined : await startTracing(config.gate.otlp_url, config.version);
  const broker = new BrokerLink(config.nats_url, name, logger);
  const documents = new PolicyHolder({ features, clock, logger });
  const policies = new ExperimentHolder({ policies: documents, features, clock });
  const models = new ModelHolder({ family: elasticityFamily, features, broker, clock, logger, cache_dir: join(config.data_dir, "models") });
  const propensity = new ModelHolder({ family: propensityFamily, features, broker, clock, logger, cache_dir: join(config.data_dir, "models", propensityFamily.family) });
  const degradation = new DegradationMonitor(broker, features, clock, policies);
  const decisions = new DecisionLog({ broker, clock, logger });
  const prices = new PriceService({ features, models, degradation, decisions, policies, clock });
  const batches = new BatchPrices({ features, prices, decisions, clock });
  const health = new HealthReport({ features, models, decisions, degradation, broker, clock, version: config.version });
  const events = new EventIntake({ broker, clock, logger });
  const desk = new ControlDesk({ broker, features, clock, logger });
  const stream = new StreamHub({ broker, clock, logger });
  const turns = new Turns();
  const work = new PriceWork({ features, policies, holder: documents, prices, desk, broker, degradation, turns, clock, logger });
  const control = { desk, features, clock, models: new ModelDesk({ broker, desk, clock }), policies: new PolicyDesk({ desk, features, holder: documents, clock }), simulation: new PolicySimulation({ broker, features, models, policies, turns, clock, logger }), prices: work.desk };
  const indexes = new CourseIndexes(features, turns, clock);
  const catalogue = createCatalogue({ features, prices, models, degradation, policies, clock, turns, indexes });
  const rules = compileActionRules(config.action_rules ?? defaultActionRules);
  const scores = new LearnerScores({ features, propensity, fallback: handScorer, rules, clock });
  const experiments = new ExperimentDesk({ features, control: desk, holder: policies, policies: documents, scores, turns, clock });
  const experiment_lease = new Lease({ broker, clock, name: "experiments", holder: randomUUID() });
  const checker = new ExperimentChecker({ desk: experiments, lease: experiment_lease, logger });
  const bundles = new BundleService({ features, models, degradation, policies, decisions, turns, clock });
  const modelOf = servedModels({ models, family: elasticityFamily, broker, cache_dir: join(config.data_dir, "models") });
  const keyring = new QuoteKeyring(config.quote_keys_file ?? join(config.data_dir, QUOTE_KEYS_FILE), logger, config.quote_keys);
  const quotes = createPersonal({ features, scores, decisions, keyring, broker, modelOf, turns, clock, logger, models, degradation, policies });
  const movement = new Movements(broker, clock);
  const learners = createLearners({ features, scores, rules, degradation, turns, clock, indexes, pricing: { models, degradation, policies }, movement, quotes: quotes.desk });
  const lease = new Lease({ broker, clock, name: "signals", holder: randomUUID() });
  const signals = new SignalPublisher({ features, scores, degradation, broker, lease, turns, clock, logger });
  metrics.watch({ prices, models, propensity, decisions, events, turns, indexes, scores, learners, signals, degradation, features, policies, quotes });
  const watch = new PageWatch(clock, logger);
  const pages = { watch, features, pricing: { models, degradation, policies }, broker, turns, clock, metricsText, operations: () => operationsState(features, degradation) };
  const app = createApp({
    prices,
    batches,
    models,
    propensity,
    features: new FeatureService(features, clock),
    catalogue,
    learners,
    health,
    events,
    control,
    experiments,
    bundles,
    stream,
    quotes,
    metrics,
    metricsText,
    pages,
    logger,
    version: config.version,
    access,
    cors_origins: config.gate?.cors_origins ?? [],
    tls: config.gate?.tls !== undefined,
    tracing,
    request_log: config.log_level === "debug" ? logger : undefined,
  });
  const server = new HttpServer(app, clock, { tls: certificates });
  metrics.watchServer(server);
  watchExperiments(metrics.registry, { holder: policies, checker, bundles });
  watchGate(metrics.registry, { keys, access, stream, pages: watch, features, clock });
  metrics.watchPriceWork(work);

  await Promise.race([broker.settled, clock.sleep(BROKER_WAIT_MS)]);
  await features.check();
  documents.check();
  policies.check();
  await Promise.all([models.check(), propensity.check(), keys.check(), Promise.race([degradation.check(), clock.sleep(BROKER_WAIT_MS)])]);
  const repeats = [
    new Repeat(clock, logger, STATE_CHECK_MS, () => features.check()),
    new Repeat(clock, logger, STATE_CHECK_MS, () => degradation.check()),
    new Repeat(clock, logger, MODEL_CHECK_MS, () => models.check()),
    new Repeat(clock, logger, MODEL_CHECK_MS, () => propensity.check()),
    new Repeat(clock, logger, STREAM_BEAT_MS, () => stream.beat()),
    new Repeat(clock, logger, PAGE_CHECK_MS, () => watch.check()),
    new Repeat(clock, logger, KEY_CHECK_MS, () => keys.check()),
    ...(certificates === undefined ? [] : [new Repeat(clock, logger, CERTIFICATE_CHECK_MS, () => server.renew(() => readCertificates(config.gate?.tls)))]),
    new Repeat(clock, logger, CONTROL_CHECK_MS, () => documents.check()),
    new Repeat(clock, logger, CONTROL_CHECK_MS, () => policies.check()),
    new Repeat(clock, logger, EXPERIMENT_CHECK_MS, () => (features.current === undefined ? undefined : checker.check())),
    new Repeat(clock, logger, STATE_CHECK_MS, () => keyring.check()),
    new Repeat(clock, logger, CITATION_COUNT_MS, () => quotes.citations.count()),
    new Repeat(clock, logger, STATE_CHECK_MS, () => movement.check()),
    new Repeat(clock, logger, STATE_CHECK_MS, () => work.applier.checkLease()),
    new Repeat(clock, logger, APPLIER_CHECK_MS, () => work.applier.check()),
    new Repeat(clock, logger, STATE_CHECK_MS, () => work.automatic.check()),
    new Repeat(clock, logger, STATE_CHECK_MS, () => signals.checkLease()),
    new Repeat(clock, logger, STATE_CHECK_MS, () => signals.check()),
    new Repeat(clock, logger, SURVEY_CHECK_MS, () => (features.current === undefined ? undefined : learners.survey())),
  ];

  const release = async (): Promise<void> => {
    // A check may wait for a broker that does not answer: the flush's time is its time, too.
    await Promise.race([Promise.all([decisions.close(FLUSH_MS), ...repeats.map((repeat) => repeat.stop())]).then(() => Promise.all([movement.stop(), lease.release(), experiment_lease.release(), work.stop()])), clock.sleep(2 * FLUSH_MS)]);
    await Promise.race([tracing?.stop().catch(() => undefined), clock.sleep(FLUSH_MS / 2)]);
    await broker.close();
    await features.close();
  };
  let port: number;
  try {
    mustBeSafe(config.host, keys);
    logger.info({ answers: await rehearse({ features, degradation, prices, batches, clock }) }, "price calls rehearsed");
    port = await server.listen(config.host, config.port);
  } catch (error) {
    await release();
    throw error;
  }
  return {
    port,
    drain: async () => {
      health.drain();
      stream.close();
      watch.close();
      await server.drain();
      await release();
    },
  };
}
