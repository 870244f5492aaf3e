import { type KeySummary, keyCreateBodySchema, keyCreatedAnswerSchema, keyListAnswerSchema, keyRevokeQuerySchema, keySummarySchema } from "../../contracts/key-api.ts";
import type { FeatureStoreReader } from "../../features/store.ts";
import type { Clock } from "../../lib/clock.ts";
import { formatTime } from "../../lib/time.ts";
import { authorOf } from "../author.ts";
import { readBody, readId, readQuery } from "../body.ts";
import type { ControlDesk } from "../control-desk.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import { jsonInit } from "../headers.ts";
import { createKey } from "../keys/api-key.ts";
import { type KeyRecord, keyRecordOf } from "../keys/key-record.ts";
import { ProblemError } from "../problem.ts";
import type { Route } from "../route.ts";

export interface KeyDeps {
  readonly desk: ControlDesk;
  readonly features: FeatureSource;
  readonly clock: Clock;
}

const json = (body: object, init = jsonInit): Response => new Response(JSON.stringify(body), init);

function recordOf(store: FeatureStoreReader, key_id: string): KeyRecord | undefined {
  return keyRecordOf(key_id, store.controlHistory("key", key_id).map(({ message }) => message));
}

function summaryOf({ key_id, name, role, learner_id, teacher_id, rate_per_s, created, author, revoked }: KeyRecord): KeySummary {
  return { key_id, name, role, learner_id: learner_id ?? null, teacher_id: teacher_id ?? null, rate_per_s: rate_per_s ?? null, created, author, revoked: revoked ?? null };
}

/** API keys: made, listed and revoked by messages on CONTROL, as `tidemark key` does. The key of a file (TIDEMARK_KEY_FILE) is not among them. */
export function registerKeys(route: Route, { desk, features, clock }: KeyDeps): void {
  route({ method: "GET", path: "/keys", role: "admin", summary: "the API keys, what they may do, and which of them are revoked", answer: keyListAnswerSchema }, () => {
    const { store } = mustFeatures(features);
    const records = store.controlIds("key").flatMap((key_id) => recordOf(store, key_id) ?? []);
    return json({ keys: records.toSorted((a, b) => (a.created < b.created ? -1 : 1)).map(summaryOf) });
  });
  route(
    {
      method: "POST",
      path: "/keys",
      role: "admin",
      summary: "makes an API key and shows it, this once",
      description: "Only its hash is kept. From the first key on, every request needs one.",
      body: keyCreateBodySchema,
      answer: { status: 201, schema: keyCreatedAnswerSchema },
      example: { body: { role: "price", name: "shop", rate_per_s: 200, reason: "the new shop" } },
    },
    async (context) => {
      const { role, name = role, learner_id, teacher_id, rate_per_s, reason } = await readBody(context, keyCreateBodySchema);
      const { key, key_id, hash } = createKey();
      const bound = { ...(learner_id === undefined ? {} : { learner_id }), ...(teacher_id === undefined ? {} : { teacher_id }), ...(rate_per_s === undefined ? {} : { rate_per_s }) };
      const created = { type: "key.created", time: formatTime(clock.now_ms()), author: authorOf(context), reason, key_id, name, hash, role, ...bound } as const;
      await desk.write("key", key_id, created, 0);
      return json({ key, ...summaryOf({ ...created, created: created.time }) }, { ...jsonInit, status: 201 });
    },
  );
  route(
    {
      method: "DELETE",
      path: "/keys/:id",
      role: "admin",
      summary: "revokes an API key, for ever: within a second nobody gets in with it any more",
      query: keyRevokeQuerySchema,
      answer: keySummarySchema,
      refuses: [404, 409],
      example: { params: { id: "0123456789abcdef" }, query: { reason: "the shop moved" } },
    },
    async (context) => {
      const key_id = readId(context);
      const { reason } = readQuery(context, keyRevokeQuerySchema);
      const { store } = mustFeatures(features);
      const known = recordOf(store, key_id);
      if (known === undefined) throw new ProblemError("not_found", `There is no key ${key_id}: GET /keys lists them.`);
      if (known.revoked !== undefined) throw new ProblemError("conflict", `Key ${key_id} was revoked at ${known.revoked} already.`);
      const revoked = { type: "key.revoked", time: formatTime(clock.now_ms()), author: authorOf(context), reason, key_id } as const;
      await desk.write("key", key_id, revoked);
      return json(summaryOf({ ...known, revoked: revoked.time }));
    },
  );
}
