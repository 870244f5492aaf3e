import type { ChurnSignal, SegmentSignal } from "../../contracts/signals.ts";
import { churnSignalSubject, segmentSignalSubject, STREAM_SIGNALS } from "../../contracts/subjects.ts";
import type { Lease } from "../../ingest/lease.ts";
import type { Clock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { formatTime } from "../../lib/time.ts";
import { CHURN, ENROLLMENT } from "../../pricing/learners/standing.ts";
import type { Told } from "../../pricing/learners/transitions.ts";
import type { ScoredLearner } from "../learners/learner-scores.ts";
import type { SignalBroker } from "./signal-broker.ts";
import { signalOf } from "./told-state.ts";

const DEADLINE_MS = 5_000;

/** Of one learner. */
export interface Change {
  readonly scored: ScoredLearner;
  /** null: of whom nothing was known. */
  readonly before: Told | null;
  readonly told: Told;
}

export interface SignalWriterDeps {
  readonly broker: SignalBroker;
  readonly lease: Lease;
  readonly clock: Clock;
}

/**
 * Publishes signals, none of them twice: the subject's last message is read, then the lease is looked at, then the signal is published in that message's place, which the broker refuses once
 * another has come in between. In this order, whatever pauses in between, no two writers tell the same.
 */
export class SignalWriter {
  readonly #deps: SignalWriterDeps;
  #sequence = 0;
  #published = 0;

  constructor(deps: SignalWriterDeps) {
    this.#deps = deps;
  }

  /** Signals that the broker stored. */
  get published(): number {
    return this.#published;
  }

  /** How far of SIGNALS is known: to its end as it was read, then to the last own signal. */
  get sequence(): number {
    return this.#sequence;
  }

  goOnFrom(sequence: number): void {
    this.#sequence = sequence;
  }

  /** What has been stored is handed to `remember`, at once. Throws TidemarkError: see `wasAnother`, or the broker is away. */
  async tell({ scored, before, told }: Change, remember: (told: Told) => void): Promise<void> {
    const { learner_id, sequence: record_sequence, scores, scorer } = scored;
    const common = { learner_id, time: formatTime(this.#deps.clock.now_ms()), record_sequence, model: scorer.version };
    if (before?.segment !== told.segment) {
      const signal: SegmentSignal = { type: "segment.changed", ...common, from: before?.segment ?? null, to: told.segment, score: scores[ENROLLMENT]! };
      await this.#publish(segmentSignalSubject(learner_id), signal, `segment-${learner_id}-${record_sequence}-${scorer.version}-${told.segment}`);
      remember({ segment: told.segment, alerted: before?.alerted ?? false });
    }
    if (told.alerted !== (before?.alerted ?? false)) {
      const type = told.alerted ? "churn.raised" : "churn.cleared";
      const signal: ChurnSignal = { type, ...common, score: scores[CHURN]!, segment: told.segment };
      await this.#publish(churnSignalSubject(learner_id), signal, `${type}-${learner_id}-${record_sequence}-${scorer.version}`);
      remember(told);
    }
  }

  async #publish(subject: string, signal: SegmentSignal | ChurnSignal, message_id: string): Promise<void> {
    const { broker, lease } = this.#deps;
    const last = await broker.getMessage(STREAM_SIGNALS, { last_by_subject: subject });
    if (last !== undefined && isSame(last.data, signal)) return;
    if (!lease.held || (last?.sequence ?? 0) > this.#sequence) throw new TidemarkError("lease_lost", "another process tells signals now");
    const { sequence, duplicate } = await broker.publish(subject, new TextEncoder().encode(JSON.stringify(signal)), { message_id, expected_last_subject_sequence: last?.sequence ?? 0, deadline_ms: DEADLINE_MS });
    this.#sequence = Math.max(this.#sequence, sequence);
    if (!duplicate) this.#published++;
  }
}

/** Whether a signal could not be told because another process has told one: what was told is then to be read again. */
export function wasAnother(error: unknown): boolean {
  return error instanceof TidemarkError && (error.code === "wrong_last_sequence" || error.code === "lease_lost");
}

/** Whether a message says the same of the same record by the same model: its answer was lost, and the score has moved since by time alone. */
function isSame(stored: Uint8Array, signal: SegmentSignal | ChurnSignal): boolean {
  const before = signalOf(stored);
  if (before === undefined || before.type !== signal.type || before.record_sequence !== signal.record_sequence || before.model !== signal.model) return false;
  return before.type !== "segment.changed" || signal.type !== "segment.changed" || before.to === signal.to;
}
