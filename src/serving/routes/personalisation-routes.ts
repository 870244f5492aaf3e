import { type PersonalisationAnswer, personalisationAnswerSchema, personalisationBodySchema } from "../../contracts/personalisation.ts";
import type { ControlEntry } from "../../features/store.ts";
import type { Clock } from "../../lib/clock.ts";
import { formatTime } from "../../lib/time.ts";
import { authorOf } from "../author.ts";
import { readBody, readId } from "../body.ts";
import type { ControlDesk } from "../control-desk.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import { jsonInit } from "../headers.ts";
import type { Route } from "../route.ts";

export interface PersonalisationDeps {
  readonly desk: ControlDesk;
  readonly features: FeatureSource;
  readonly clock: Clock;
}

function answer(learner_id: string, entry: ControlEntry<"learner"> | undefined): Response {
  const { allowed = true, author = null, time = null, reason = null } = entry?.message ?? {};
  const body: PersonalisationAnswer = { learner_id, allowed, author, time, reason, sequence: entry?.sequence ?? 0 };
  return new Response(JSON.stringify(body), jsonInit);
}

/** Who does not want personal prices is asked for nothing else: the learner need not be known, and the next price already keeps to it. */
export function registerPersonalisation(route: Route, { desk, features, clock }: PersonalisationDeps): void {
  route(
    {
      method: "GET",
      path: "/learners/:id/personalisation",
      role: "price",
      owner: "learner",
      summary: "whether a learner's own data may move the learner's prices, and who said so",
      answer: personalisationAnswerSchema,
      example: { params: { id: "L000001" } },
    },
    (context) => {
      const learner_id = readId(context);
      return answer(learner_id, mustFeatures(features).store.control("learner", learner_id));
    },
  );
  route(
    {
      method: "PUT",
      path: "/learners/:id/personalisation",
      role: "price",
      owner: "learner",
      summary: "lets a learner's own data move prices or not, from the next price on",
      body: personalisationBodySchema,
      answer: personalisationAnswerSchema,
      example: { params: { id: "L000001" }, body: { allowed: false, reason: "the learner opted out" } },
    },
    async (context) => {
      const learner_id = readId(context);
      const { allowed, reason, expected_sequence } = await readBody(context, personalisationBodySchema);
      const message = { type: "learner.personalisation", time: formatTime(clock.now_ms()), author: authorOf(context), reason, learner_id, allowed } as const;
      return answer(learner_id, await desk.write("learner", learner_id, message, expected_sequence));
    },
  );
}
