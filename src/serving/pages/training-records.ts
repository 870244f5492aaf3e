import { type PropensityHealth, propensityHealthSchema } from "../../contracts/propensity-health.ts";
import { BUCKET_MODELS, BUCKET_RUNS, STREAM_SIGNALS, trainingSignalSubject } from "../../contracts/subjects.ts";
import { type TrainingReport, trainingReportSchema, type TrainingSignal, trainingSignalSchema } from "../../contracts/training-run.ts";
import type { BrokerMessage, MessageQuery } from "../../ingest/broker-message.ts";
import type { BrokerPort } from "../broker-link.ts";

/** Reports of ended runs never change; some 300 KB each. */
const KEPT_MAX = 8;
/** Ids of runs name objects: nothing else is asked for. */
const RUN_ID = /^[A-Za-z0-9_-]{1,64}$/;

export interface TrainingBroker extends Pick<BrokerPort, "getObject"> {
  getMessage(stream: string, which: MessageQuery): Promise<BrokerMessage | undefined>;
}

/** What training keeps about its runs and its champions, as far as the broker is there to give it. */
export class TrainingRecords {
  readonly #broker: TrainingBroker;
  readonly #reports = new Map<string, TrainingReport>();

  constructor(broker: TrainingBroker) {
    this.#broker = broker;
  }

  /** A run's report; undefined while the broker is away, or where it is gone or of another version. */
  async report(run_id: string): Promise<TrainingReport | undefined> {
    const kept = this.#reports.get(run_id);
    if (kept !== undefined || !RUN_ID.test(run_id)) return kept;
    const parsed = trainingReportSchema.safeParse(await this.#json(BUCKET_RUNS, `${run_id}/report.json`));
    if (!parsed.success) return undefined;
    this.#reports.set(run_id, parsed.data);
    if (this.#reports.size > KEPT_MAX) this.#reports.delete(this.#reports.keys().next().value ?? "");
    return parsed.data;
  }

  /** The run's own page, as training wrote it. */
  async reportPage(run_id: string): Promise<string | undefined> {
    if (!RUN_ID.test(run_id)) return undefined;
    const bytes = await this.#broker.getObject(BUCKET_RUNS, `${run_id}/report.html`).catch(() => undefined);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  /** How the learners' models do on what has happened since. */
  async propensityHealth(): Promise<PropensityHealth | undefined> {
    const parsed = propensityHealthSchema.safeParse(await this.#json(BUCKET_MODELS, "health/propensity.json"));
    return parsed.success ? parsed.data : undefined;
  }

  /** Where the run is that was last told of; undefined where SIGNALS keeps none. */
  async progress(): Promise<TrainingSignal | undefined> {
    try {
      const message = await this.#broker.getMessage(STREAM_SIGNALS, { last_by_subject: trainingSignalSubject("*") });
      return message === undefined ? undefined : trainingSignalSchema.parse(JSON.parse(new TextDecoder().decode(message.data)));
    } catch {
      return undefined;
    }
  }

  async #json(bucket: string, name: string): Promise<unknown> {
    try {
      const bytes = await this.#broker.getObject(bucket, name);
      return bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      return undefined;
    }
  }
}
