import type { Context } from "hono";
import { rolesThatMay } from "../../contracts/role.ts";
import { assert } from "../../lib/assert.ts";
import type { Clock } from "../../lib/clock.ts";
import { setPrincipal } from "../author.ts";
import { ProblemError } from "../problem.ts";
import type { RouteDefinition } from "../route.ts";
import type { Access, Guard, Visitor } from "../route-table.ts";
import { presentedKey } from "./presented-key.ts";
import type { KeyHolder } from "./key-holder.ts";
import type { HeldKey } from "./key-ring.ts";

const CHALLENGE = { "www-authenticate": 'Bearer realm="tidemark"' } as const;

export type RefusalReason = "unauthorized" | "forbidden" | "rate_limited";

/** Checks the key of every request: who it is, what the endpoint asks for, how many requests it may make. Of each endpoint's requirements a set is made once. */
export class KeyAccess implements Access {
  readonly #keys: Pick<KeyHolder, "required" | "find">;
  readonly #clock: Clock;
  readonly refused: Record<RefusalReason, number> = { unauthorized: 0, forbidden: 0, rate_limited: 0 };

  constructor(keys: Pick<KeyHolder, "required" | "find">, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  guard({ role, owner, path }: RouteDefinition): Guard {
    if (role === "public") return () => undefined;
    assert(owner === undefined || owner === "handler" || path.includes(":id"), `${path} names nobody whose key it could ask for`);
    const admitted = new Set<string>(rolesThatMay(role));
    return (context) => {
      if (!this.#keys.required) return;
      const { principal, bucket, record } = this.#authenticate(context);
      const bound = principal.learner_id !== undefined || principal.teacher_id !== undefined;
      if (!admitted.has(principal.role)) this.#refuse("forbidden", `A key of role ${principal.role} may not use this endpoint: it asks for ${role}.`);
      if (bound && owner !== "handler" && !(owner !== undefined && context.req.param("id") === (owner === "learner" ? principal.learner_id : principal.teacher_id))) {
        this.#refuse("forbidden", "This key speaks for one person, and reaches what is about that person alone.");
      }
      const wait_s = bucket?.take(this.#clock.now_ms()) ?? 0;
      if (wait_s > 0) this.#refuse("rate_limited", `This key may make ${record.rate_per_s} requests a second, shared out among the host's processes.`, { "retry-after": String(Math.ceil(wait_s)) });
      setPrincipal(context, principal);
    };
  }

  visitor(presented: string | undefined): Visitor {
    return this.#keys.required ? this.#keys.find(presented ?? "")?.principal : "anyone";
  }

  #authenticate(context: Context): HeldKey {
    return this.#keys.find(presentedKey(context) ?? "") ?? this.#refuse("unauthorized", "This endpoint asks for a key that is in force: Authorization: Bearer <key>.", CHALLENGE);
  }

  #refuse(code: RefusalReason, detail: string, headers: Readonly<Record<string, string>> = {}): never {
    this.refused[code]++;
    throw new ProblemError(code, detail, { headers });
  }
}
