import type { KeyMessage, Role } from "../../../contracts/control.ts";
import { controlSubject } from "../../../contracts/subjects.ts";
import { silentLogger } from "../../../lib/log.ts";
import { createKey } from "../../keys/api-key.ts";
import { KeyAccess } from "../../keys/key-access.ts";
import { upserted } from "../../catalogue-testing.ts";
import { KeyHolder } from "../../keys/key-holder.ts";
import { registered } from "../../learners/testing.ts";
import type { Access } from "../../route-table.ts";
import { TestEngine } from "../../testing.ts";

/** An engine that asks everybody for a key, with two teachers and two learners. */
export class KeyedEngine {
  readonly engine: TestEngine;
  readonly #keys: KeyHolder;

  constructor() {
    const late: { access?: KeyAccess } = {};
    const access: Access = {
      guard: (definition) => {
        let guard: ReturnType<Access["guard"]> | undefined;
        return (context) => (guard ??= late.access!.guard(definition))(context);
      },
      visitor: (presented) => late.access?.visitor(presented),
    };
    this.engine = new TestEngine({ access });
    this.#keys = new KeyHolder({ features: this.engine.features, clock: this.engine.clock, logger: silentLogger, copy: undefined, always: true });
    late.access = new KeyAccess(this.#keys, this.engine.clock);
    this.engine.foldCatalogue();
    // As many as a learner is recommended at once.
    for (let i = 1; i <= 6; i++) this.engine.fold({ ...upserted(`k${i}`), teacher_id: "t2", prerequisites: [] } as ReturnType<typeof upserted>);
    this.engine.fold(registered("l1"), registered("l2"), { id: "t2", type: "teacher.upserted", time: "2026-02-01T00:00:00.000Z", teacher_id: "t2" });
  }

  async keyOf(role: Role, more: object = {}): Promise<string> {
    const { key, key_id, hash } = createKey();
    await this.#say({ type: "key.created", key_id, hash, role, name: role, ...more });
    return key;
  }

  async revoke(key: string): Promise<void> {
    await this.#say({ type: "key.revoked", key_id: key.slice(4, 20) });
  }

  async #say(message: Readonly<Record<string, unknown>> & { readonly key_id: string }): Promise<void> {
    this.engine.foldControl(controlSubject("key", message.key_id), { time: "2026-03-01T12:00:00Z", author: "test", reason: "", ...message } as unknown as KeyMessage);
    await this.#keys.check();
  }
}
