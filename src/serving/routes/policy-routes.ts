import type { Context } from "hono";
import type { z } from "zod";
import {
  POLICY_BYTES_MAX,
  policyActivateBodySchema,
  policyAnswerSchema,
  policyChangeBodySchema,
  policyChangedAnswerSchema,
  policyDiffAnswerSchema,
  policyDiffQuerySchema,
  policyDraftBodySchema,
  policyListAnswerSchema,
  policyQuerySchema,
  policySimulateAnswerSchema,
  policySimulateBodySchema,
  policyValidateAnswerSchema,
  policyValidateBodySchema,
} from "../../contracts/policy-api.ts";
import { authorOf } from "../author.ts";
import { readBody, readId, readQuery } from "../body.ts";
import { jsonInit } from "../headers.ts";
import type { PolicyDesk, PolicyOrder } from "../policies/policy-desk.ts";
import type { PolicySimulation } from "../policies/policy-simulation.ts";
import { ProblemError } from "../problem.ts";
import type { Route } from "../route.ts";

const json = (body: object): Response => new Response(JSON.stringify(body), jsonInit);

function orderOf(context: Context, { reason, expected_sequence }: z.output<typeof policyChangeBodySchema>): PolicyOrder {
  return { author: authorOf(context), reason, expected_sequence };
}

/** Policies: what may be charged, drafted, compared and put into force by messages on CONTROL. */
export function registerPolicies(route: Route, policies: PolicyDesk, simulation: PolicySimulation): void {
  const id = { params: { id: "season-sale" } };
  route({ method: "GET", path: "/policies", role: "operate", summary: "every policy, and which revision of it is in force", answer: policyListAnswerSchema }, () => json(policies.list()));
  route(
    {
      method: "POST",
      path: "/policies/validate",
      role: "operate",
      summary: "whether a document may be drafted and activated, and if not, which two rules contradict each other",
      body: policyValidateBodySchema,
      answer: policyValidateAnswerSchema,
      example: { body: { policy: { floor_tokens: 20, ceiling_tokens: 200 } } },
    },
    async (context) => {
      const { policy, policy_id } = await readBody(context, policyValidateBodySchema, POLICY_BYTES_MAX);
      return json(policies.validate(policy, policy_id));
    },
  );
  route(
    {
      method: "POST",
      path: "/policies/simulate",
      role: "operate",
      summary: "what a policy would have done with logged traffic: by the model's expectation and by the prices that were drawn",
      description: "Prices the newest logged decisions anew under the candidate and under what is in force, one step each from where the course stood then.",
      body: policySimulateBodySchema,
      answer: policySimulateAnswerSchema,
      example: { body: { policy: { step_log_max: 0.05 }, decisions_max: 1_000 } },
    },
    async (context) => {
      const { policy, policy_id, revision, decisions_max, seconds_max } = await readBody(context, policySimulateBodySchema, POLICY_BYTES_MAX);
      if ((policy === undefined) === (policy_id === undefined)) throw new ProblemError("invalid_field", "policy: give either a document or a policy_id", { field: "policy" });
      const { version, document } = policy === undefined ? policies.document(policy_id!, revision) : { version: "candidate", document: policies.accepted(policy) };
      return json(await simulation.run({ version, document, decisions_max, seconds_max }));
    },
  );
  route(
    { method: "GET", path: "/policies/:id", role: "operate", summary: "a policy's document and history: who changed what, when and why", query: policyQuerySchema, answer: policyAnswerSchema, example: { params: { id: "default" } } },
    (context) => json(policies.show(readId(context), readQuery(context, policyQuerySchema).revision)),
  );
  route(
    {
      method: "PUT",
      path: "/policies/:id",
      role: "operate",
      summary: "drafts the next revision of a policy; prices do not change before it is activated",
      body: policyDraftBodySchema,
      answer: policyChangedAnswerSchema,
      example: { ...id, body: { policy: { floor_tokens: 20, scope: { categories: ["programming"] } }, reason: "floor for programming" } },
    },
    async (context) => {
      const policy_id = readId(context);
      const body = await readBody(context, policyDraftBodySchema, POLICY_BYTES_MAX);
      return json(await policies.draft(policy_id, body.policy, orderOf(context, body)));
    },
  );
  route(
    {
      method: "POST",
      path: "/policies/:id/activate",
      role: "operate",
      summary: "puts a revision into force, from the next price on",
      body: policyActivateBodySchema,
      answer: policyChangedAnswerSchema,
      example: { ...id, body: { revision: 3, reason: "simulated on last week's traffic" } },
    },
    async (context) => {
      const policy_id = readId(context);
      const body = await readBody(context, policyActivateBodySchema);
      return json(await policies.activate(policy_id, body.revision, orderOf(context, body)));
    },
  );
  for (const [action, summary] of [
    ["rollback", "goes back to the revision that was in force before; again, and it goes back further"],
    ["retire", "takes a policy out of force: what is less specific holds again"],
  ] as const) {
    route({ method: "POST", path: `/policies/:id/${action}`, role: "operate", summary, body: policyChangeBodySchema, answer: policyChangedAnswerSchema, example: { ...id, body: { reason: "prices fell too far" } } }, async (context) => {
      const policy_id = readId(context);
      return json(await policies[action](policy_id, orderOf(context, await readBody(context, policyChangeBodySchema))));
    });
  }
  route(
    { method: "GET", path: "/policies/:id/diff", role: "operate", summary: "what differs between two revisions, field by field", query: policyDiffQuerySchema, answer: policyDiffAnswerSchema, example: { ...id, query: { from: "1", to: "2" } } },
    (context) => {
      const { from, to } = readQuery(context, policyDiffQuerySchema);
      return json(policies.diff(readId(context), from, to));
    },
  );
}
