import { type DecisionRecord, decisionRecordSchema } from "../../contracts/decision.ts";
import type { PolicySimulateAnswer } from "../../contracts/policy-api.ts";
import type { Policy, PolicyDocument } from "../../contracts/policy.ts";
import { STREAM_EVENTS, STREAM_QUOTES } from "../../contracts/subjects.ts";
import { noBand, type TeacherBand } from "../../features/teacher-band.ts";
import type { BrokerMessage } from "../../ingest/broker-message.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { formatTime, HOUR_MS } from "../../lib/time.ts";
import type { CompiledModel } from "../../models/compiled.ts";
import { specificity } from "../../pricing/policy-scope.ts";
import { type ComparedDecision, comparePolicies } from "../../pricing/policies/policy-comparison.ts";
import { replayUnder } from "../../pricing/policies/policy-replay.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import type { ServedModel } from "../model-holder.ts";
import type { PolicySource } from "../policy-source.ts";
import { ProblemError } from "../problem.ts";
import type { Turns } from "../turns.ts";
import { type LogBroker, ReadingBudget, readLogged } from "./logged-messages.ts";
import { simulationAnswer } from "./simulation-answer.ts";

/** Of QUOTES and EVENTS together. */
const MESSAGES_MAX = 2_000_000;
const BYTES_MAX = 1024 * 1024 * 1024;
const BANDS_MAX = 65_536;

export interface PolicySimulationDeps {
  readonly broker: LogBroker;
  readonly features: FeatureSource;
  readonly models: { readonly current: ServedModel<CompiledModel> | undefined };
  readonly policies: PolicySource;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SimulationOrder {
  readonly version: string;
  readonly document: PolicyDocument;
  readonly decisions_max: number;
  readonly seconds_max: number;
}

interface Logged {
  readonly decided_at_ms: number;
  readonly compared: ComparedDecision;
}

const CITATION = Buffer.from('"quote_id"');

/**
 * What a policy would have done with the newest logged traffic: the course-level decisions of QUOTES, priced anew, and what EVENTS says of those who saw and paid their
 * prices. One at a time a process, in turns with everything else, within bounds of messages, bytes and time that the answer tells of.
 */
export class PolicySimulation {
  readonly #deps: PolicySimulationDeps;
  #running = false;

  constructor(deps: PolicySimulationDeps) {
    this.#deps = deps;
  }

  /** Throws ProblemError: `overloaded` while one is under way, `broker_unavailable`, `features_unavailable`. */
  async run(order: SimulationOrder): Promise<PolicySimulateAnswer> {
    if (this.#running) throw new ProblemError("overloaded", "A policy is being simulated already. Repeat the request in a minute.", { headers: { "retry-after": "60" } });
    this.#running = true;
    try {
      return await this.#deps.turns.admit(() => this.#run(order));
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#deps.logger.warn({ error: errorMessage(error) }, "a policy could not be simulated");
      throw new ProblemError("broker_unavailable", "The logged traffic cannot be read: the broker does not answer.");
    } finally {
      this.#running = false;
    }
  }

  async #run({ version, document, decisions_max, seconds_max }: SimulationOrder): Promise<PolicySimulateAnswer> {
    const { broker, turns, policies } = this.#deps;
    mustFeatures(this.#deps.features);
    const candidate: Policy = Object.freeze({ ...document, version });
    const budget = new ReadingBudget({ messages_max: MESSAGES_MAX, bytes_max: BYTES_MAX, seconds_max });
    const quotes = await broker.streamInfo(STREAM_QUOTES);
    const logged = new Map<string, Logged>();
    const bands = new Map<string, TeacherBand>();
    let left_out = 0;
    let from_event = Number.POSITIVE_INFINITY;
    const price = ({ data }: BrokerMessage): void => {
      const record = recordOf(data);
      const found = record === undefined || record.inputs.course_id === null ? undefined : this.#replay(record, record.inputs.course_id, candidate, bands);
      if (record === undefined || found === undefined) {
        left_out++;
        return;
      }
      from_event = Math.min(from_event, record.cursor_sequence + 1);
      logged.set(record.id, found);
    };
    const quotes_read = await readLogged(broker, { stream: STREAM_QUOTES, subject: "quotes.course.>", from: (quotes?.last_sequence ?? 0) - decisions_max + 1 }, budget, turns, () => true, price);
    let events_read = 0;
    const cited = (data: Uint8Array): boolean => Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(CITATION);
    for (const [subject, count] of [["events.exposure.>", countView], ["events.enrollment.>", countEnrollment]] as const) {
      if (logged.size === 0) break;
      events_read += await readLogged(broker, { stream: STREAM_EVENTS, subject, from: from_event }, budget, turns, cited, ({ data }) => count(logged, data));
    }
    const decisions = [...logged.values()];
    const comparison = comparePolicies(decisions.map(({ compared }) => compared));
    const times = decisions.map(({ decided_at_ms }) => decided_at_ms);
    return simulationAnswer(comparison, {
      version,
      today: policies.platform.version,
      traffic: {
        decisions: comparison.decisions,
        left_out,
        from: times.length === 0 ? null : formatTime(times.reduce((a, b) => Math.min(a, b))),
        to: times.length === 0 ? null : formatTime(times.reduce((a, b) => Math.max(a, b))),
        views: comparison.views,
        enrollments: comparison.enrollments,
        tokens: comparison.tokens,
        quotes_read,
        events_read,
        cut_short: budget.exhausted ?? null,
      },
    });
  }

  /** undefined: outside the candidate's scope. */
  #replay(record: DecisionRecord, course_id: string, candidate: Policy, bands: Map<string, TeacherBand>): Logged | undefined {
    const { models, policies } = this.#deps;
    const { inputs, exploration, optimal_price } = record;
    if (specificity(candidate.scope, course_id, inputs.category) < 0) return undefined;
    const today = policies.policyFor({ course_id, category: inputs.category, teacher_id: null }, this.#deps.clock.now_ms());
    const replayed = replayUnder(record, { model: models.current?.model ?? null, today, candidate, band: this.#band(course_id, bands) });
    // Draws hold for a period of the policy that they were made under.
    const logged_under = policies.byVersion(inputs.policy_version)?.exploration;
    const period_hours = exploration === undefined || logged_under === undefined || logged_under.kind === "none" ? undefined : logged_under.period_hours;
    const draw = period_hours === undefined ? `${optimal_price}` : `${inputs.policy_version} ${Math.floor(inputs.now_ms / (period_hours * HOUR_MS))}`;
    return { decided_at_ms: inputs.now_ms, compared: { course_id, draw, replayed, views: 0, enrollments: 0, tokens: 0 } };
  }

  /** The teacher's band as of now: the record holds what was left of it under the policy of then. */
  #band(course_id: string, bands: Map<string, TeacherBand>): TeacherBand {
    const known = bands.get(course_id);
    if (known !== undefined) return known;
    const band = mustFeatures(this.#deps.features).reader.course(course_id, this.#deps.clock.now_ms())?.band ?? noBand;
    if (bands.size < BANDS_MAX) bands.set(course_id, band);
    return band;
  }
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}

/** undefined: of another version, or none. */
function recordOf(data: Uint8Array): DecisionRecord | undefined {
  return decisionRecordSchema.safeParse(parse(data)).data;
}

type Citation = { readonly type?: unknown; readonly quote_id?: unknown; readonly price?: unknown } | null | undefined;

function citedBy(logged: ReadonlyMap<string, Logged>, event: Citation): ComparedDecision | undefined {
  return typeof event?.quote_id === "string" ? logged.get(event.quote_id)?.compared : undefined;
}

function countView(logged: ReadonlyMap<string, Logged>, data: Uint8Array): void {
  const event = parse(data) as Citation;
  const decision = citedBy(logged, event);
  // A price that is not the quote's was shown for another reason.
  if (decision !== undefined && event?.type === "exposure.viewed" && event.price === decision.replayed.shown_price) decision.views++;
}

function countEnrollment(logged: ReadonlyMap<string, Logged>, data: Uint8Array): void {
  const event = parse(data) as Citation;
  const decision = citedBy(logged, event);
  if (decision === undefined || event?.type !== "enrollment.created" || event.price !== decision.replayed.shown_price) return;
  decision.enrollments++;
  decision.tokens += decision.replayed.shown_price;
}
