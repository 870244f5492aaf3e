import type { ControlKind, ControlMessage, ControlMessages, ModelPromoted } from "../contracts/control.ts";
import { controlSchemas } from "../contracts/control.ts";
import { STREAM_CONTROL, controlSubject } from "../contracts/subjects.ts";
import type { ControlEntry } from "../features/store.ts";
import type { PublishAck, PublishOptions } from "../ingest/broker-message.ts";
import { publishPromotion } from "../ingest/control.ts";
import type { Clock } from "../lib/clock.ts";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { type FeatureSource, mustFeatures } from "./feature-source.ts";
import { ProblemError } from "./problem.ts";

const PUBLISH_DEADLINE_MS = 2_000;
/** A fold that is alive takes milliseconds. */
const FOLD_WAIT_MS = 3_000;
const FOLD_LOOK_MS = 2;

export interface ControlDeskDeps {
  readonly broker: { publish(subject: string, data: Uint8Array, options: PublishOptions): Promise<PublishAck> };
  readonly features: FeatureSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the log says of a change. */
interface Recorded {
  readonly kind: string;
  readonly id: string;
  readonly type: string;
  readonly author?: string | undefined;
  readonly reason: string;
}

/** The one place where serving changes something: a message on CONTROL, answered once this host's own fold has it. */
export class ControlDesk {
  readonly #deps: ControlDeskDeps;

  constructor(deps: ControlDeskDeps) {
    this.#deps = deps;
  }

  /**
   * Publishes a message and waits until it is folded here: whoever asked reads what they wrote. `expected_sequence`, that of the subject's last message
   * which the change was decided on (0: none), is what the fold has unless given: of two changes decided on the same one the second is refused
   * (ProblemError `conflict`). `broker_unavailable` when CONTROL cannot be reached; then nothing is known of the message.
   */
  async write<Kind extends ControlKind>(kind: Kind, id: string, message: ControlMessages[Kind] & ControlMessage, expected_sequence?: number): Promise<ControlEntry<Kind>> {
    const { broker, features } = this.#deps;
    const expected = expected_sequence ?? mustFeatures(features).store.control(kind, id)?.sequence ?? 0;
    const checked = controlSchemas[kind].parse(message);
    const sequence = await this.#record({ kind, id, ...message }, async () => {
      const ack = await broker.publish(controlSubject(kind, id), new TextEncoder().encode(JSON.stringify(checked)), { expected_last_subject_sequence: expected, deadline_ms: PUBLISH_DEADLINE_MS });
      return ack.sequence;
    });
    return { sequence, message };
  }

  /** The same of a promotion, whose last message is its family's whole state: its sequence, once it is folded here. */
  async promote(promotion: ModelPromoted, decided_on: number): Promise<number> {
    return this.#record({ kind: "model", id: promotion.family, ...promotion }, () => publishPromotion(this.#deps.broker, promotion, decided_on, { deadline_ms: PUBLISH_DEADLINE_MS }));
  }

  async #record({ kind, id, type, author, reason }: Recorded, publish: () => Promise<number>): Promise<number> {
    const { logger } = this.#deps;
    let sequence: number;
    try {
      sequence = await publish();
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "wrong_last_sequence") {
        throw new ProblemError("conflict", `Somebody else changed ${kind} ${id} meanwhile: read it again and decide anew.`);
      }
      logger.warn({ kind, id, error: errorMessage(error) }, "a change could not be published");
      throw new ProblemError("broker_unavailable", "The change could not be recorded: the broker does not answer.");
    }
    logger.info({ kind, id, type, author, reason, sequence }, "changed");
    await this.#folded(sequence);
    return sequence;
  }

  /** Throws ProblemError `fold_behind`: the change is recorded, but is not in force here yet. */
  async #folded(sequence: number): Promise<void> {
    const { features, clock } = this.#deps;
    const until_ms = clock.now_ms() + FOLD_WAIT_MS;
    while ((features.current?.store.cursor(STREAM_CONTROL)?.sequence ?? 0) < sequence) {
      if (clock.now_ms() >= until_ms) throw new ProblemError("fold_behind", "The change is recorded and will take effect, but this host has not folded it yet.");
      await clock.sleep(FOLD_LOOK_MS);
    }
  }
}
