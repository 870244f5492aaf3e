import type { TrainingRun, TrainingSignal } from "../../contracts/training-run.ts";
import { trainingSignalSubject } from "../../contracts/subjects.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { Clock } from "../../lib/clock.ts";
import { formatTime } from "../../lib/time.ts";

/** Between two signals of one stage, at least. */
const INTERVAL_MS = 500;
/** Whoever watches sees the next one. */
const DEADLINE_MS = 2_000;

type Place = Pick<TrainingSignal, "status" | "stage" | "step" | "done" | "total">;

/**
 * Tells on SIGNALS where a run is: every change of stage, and its progress now and then. Never waits for the broker: while one signal is under way, only the
 * newest of the others is kept.
 */
export class TrainingSignals {
  readonly #broker: Pick<Broker, "publish">;
  readonly #clock: Clock;
  readonly #run: Pick<TrainingRun, "run_id" | "family">;
  #metrics: Readonly<Record<string, number>> = {};
  #told_ms = Number.NEGATIVE_INFINITY;
  #stage = "";
  #next: TrainingSignal | undefined;
  #sending: Promise<void> | undefined;

  constructor(broker: Pick<Broker, "publish">, clock: Clock, run: Pick<TrainingRun, "run_id" | "family">) {
    this.#broker = broker;
    this.#clock = clock;
    this.#run = run;
  }

  figures(figures: Readonly<Record<string, number>>): void {
    this.#metrics = { ...this.#metrics, ...figures };
  }

  tell(place: Place): void {
    const now_ms = this.#clock.now_ms();
    const key = `${place.stage} ${place.status}`;
    if (key === this.#stage && now_ms - this.#told_ms < INTERVAL_MS) return;
    this.#stage = key;
    this.#told_ms = now_ms;
    this.#next = { run_id: this.#run.run_id, family: this.#run.family, time: formatTime(now_ms), ...place, metrics: this.#metrics };
    this.#sending ??= this.#send();
  }

  /** Until what was told last is stored, or cannot be. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    while (this.#next !== undefined) {
      const signal = this.#next;
      this.#next = undefined;
      await this.#broker.publish(trainingSignalSubject(signal.run_id), new TextEncoder().encode(JSON.stringify(signal)), { deadline_ms: DEADLINE_MS }).catch(() => undefined);
    }
    this.#sending = undefined;
  }
}
