import type { PolicyAnswer, PolicyDiffAnswer, PolicyListAnswer } from "../../../contracts/policy-api.ts";
import { policySchema } from "../../../contracts/policy.ts";
import { readId } from "../../body.ts";
import { formatMinute } from "../format.ts";
import { type Page, platformSubject } from "../page.ts";
import { Badge, DataTable, Empty, Section } from "../parts.tsx";
import { PolicyEditor } from "./policy-editor.tsx";

type Listed = PolicyListAnswer["policies"][number];

/** /admin/policies: what prices may do, and which of it is in force. */
export const policiesPage: Page = {
  path: "/admin/policies",
  place: "policies",
  summary: "every policy, and which revision of it is in force",
  subject: platformSubject,
  live_s: 10,
  content: async ({ ask }) => {
    const { policies, platform } = await ask.get<PolicyListAnswer>("/policies");
    return {
      title: "Policies",
      body: (
        <>
          <h1>Policies</h1>
          <p class="lead-line">
            In force where nothing narrower is: <strong>{platform}</strong>. What is more specific goes before what is less.
          </p>
          {policies.length === 0 ? <Empty title="No policy of your own yet">The default policy holds. Draft one below: it changes no price before it is activated.</Empty> : <List policies={policies} />}
          <Section title="A new policy" id="new">
            <form class="inline card" method="get" action="/admin/policies/new">
              <label>
                <span>Id</span>
                <input type="text" name="id" required pattern="[A-Za-z0-9_\-]{1,64}" placeholder="season-sale" />
              </label>
              <button type="submit" class="button">
                Write it
              </button>
            </form>
          </Section>
        </>
      ),
    };
  },
};

function scopeText({ scope }: Listed): string {
  const parts = [...scope.categories, ...scope.courses];
  return parts.length === 0 ? "everything" : parts.length > 4 ? `${parts.slice(0, 4).join(", ")} and ${parts.length - 4} more` : parts.join(", ");
}

function Standing({ active, latest, retired }: Pick<Listed, "active" | "latest" | "retired">) {
  if (active !== null) return <Badge tone="good">revision {active} in force</Badge>;
  if (retired) return <Badge tone="plain">retired</Badge>;
  return <Badge tone="warn">{latest === null ? "empty" : "draft"}</Badge>;
}

function List({ policies }: { readonly policies: readonly Listed[] }) {
  return (
    <div class="section">
      <DataTable label="Policies" columns={["Policy", "Standing", "For", "From – to", { number: "Newest revision" }]}>
        {policies.map((policy) => (
          <tr>
            <th scope="row">
              <a href={`/admin/policies/${policy.policy_id}`}>{policy.policy_id}</a>
              <span class="under">{policy.description}</span>
            </th>
            <td>
              <Standing {...policy} /> {policy.overlaps.length > 0 && <Badge tone="bad">{policy.overlaps.some(({ holds }) => holds) ? "overridden" : "overlaps"}</Badge>}
            </td>
            <td>{scopeText(policy)}</td>
            <td>
              {policy.schedule.from === null && policy.schedule.to === null ? "always" : `${policy.schedule.from === null ? "" : formatMinute(Date.parse(policy.schedule.from))} – ${policy.schedule.to === null ? "" : formatMinute(Date.parse(policy.schedule.to))}`}
            </td>
            <td class="number">{policy.latest ?? "–"}</td>
          </tr>
        ))}
      </DataTable>
    </div>
  );
}

/** /admin/policies/new: an editor for an id that nobody has used. */
export const newPolicyPage: Page = {
  path: "/admin/policies/new",
  place: "policies",
  summary: "an editor for a new policy",
  subject: platformSubject,
  content: ({ context }) => {
    const id = new URL(context.req.url).searchParams.get("id") ?? "";
    const valid = /^[A-Za-z0-9_-]{1,64}$/.test(id);
    return {
      title: "A new policy",
      body: (
        <>
          <Crumbs />
          <h1>{valid ? id : "A new policy"}</h1>
          {valid ? <PolicyEditor policy_id={id} document={{ floor_tokens: 10, step_log_max: 0.1 }} sequence={0} /> : <Empty title="An id is needed">1 to 64 characters of A-Z a-z 0-9 _ -.</Empty>}
        </>
      ),
    };
  },
};

/** Two policies for the same courses that were activated in the same moment: neither host could refuse. */
function Overlaps({ overlaps }: Pick<PolicyAnswer, "overlaps">) {
  return (
    <>
      {overlaps.map(({ version, holds, message }) => (
        <p class="notice bad" role="alert">
          <strong>{holds ? `${version} holds where the two meet.` : `This one holds where it meets ${version}.`}</strong> Both were activated in the same moment: {message}.
        </p>
      ))}
    </>
  );
}

function Crumbs() {
  return (
    <nav class="crumbs" aria-label="Where this is">
      <a href="/admin/policies">Policies</a>
    </nav>
  );
}

/** /admin/policies/{id}: edit with validation, difference, activate, go back, history. */
export const policyPage: Page = {
  path: "/admin/policies/:id",
  place: "policies",
  summary: "a policy: document, difference, activation, history",
  subject: platformSubject,
  live_s: 10,
  content: async ({ context, ask }) => {
    const id = readId(context);
    const policy = await ask.get<PolicyAnswer>(`/policies/${id}`);
    const drafted = policy.latest !== null && policy.active !== null && policy.latest !== policy.active;
    const [newest, diff] = await Promise.all([
      policy.latest === null || policy.latest === policy.revision ? policy : ask.get<PolicyAnswer>(`/policies/${id}?revision=${policy.latest}`),
      drafted ? ask.get<PolicyDiffAnswer>(`/policies/${id}/diff?from=${policy.active}&to=${policy.latest}`) : undefined,
    ]);
    return {
      title: `Policy ${id}`,
      body: (
        <>
          <Crumbs />
          <h1>
            {id} <Standing {...policy} />
          </h1>
          <p class="lead-line">{policy.document?.description}</p>
          <Overlaps overlaps={policy.overlaps} />
          <div class="figures two">
            <Actions policy={policy} />
            <Difference diff={diff} policy={policy} />
          </div>
          <Section title="Document" id="document" aside={`Revision ${policy.latest ?? "–"}, without what is the default. Saving drafts the next one; prices do not change before it is activated.`}>
            <PolicyEditor policy_id={id} document={withoutDefaults(newest.document)} sequence={policy.sequence} />
          </Section>
          <Section title="History" id="history">
            <History changes={policy.changes} />
          </Section>
        </>
      ),
    };
  },
};

const defaults = policySchema.parse({}) as Readonly<Record<string, unknown>>;

/** What somebody would have to write: fields that say what they would say anyway are left out. */
function withoutDefaults(document: PolicyAnswer["document"]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(document ?? {}).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name])));
}

function Actions({ policy }: { readonly policy: PolicyAnswer }) {
  const id = policy.policy_id;
  const expected = { expected_sequence: policy.sequence };
  return (
    <section class="card" aria-label="What is in force">
      <form class="stack" data-form="POST" data-follows action={`/policies/${id}/activate`} data-next={`/admin/policies/${id}`}>
        <label>
          <span>Reason</span>
          <input type="text" name="reason" required maxlength={1000} id={`reason-${id}`} />
        </label>
        <div class="row">
          {policy.latest !== null && policy.latest !== policy.active && (
            <button type="submit" class="button" data-body={JSON.stringify({ revision: policy.latest, ...expected })} data-done="In force from the next price on.">
              Activate revision {policy.latest}
            </button>
          )}
          {policy.latest !== null && (
            <button type="submit" class="button quiet" formaction="/policies/simulate" formnovalidate data-stay data-body={JSON.stringify({ policy_id: id })}>
              Simulate revision {policy.latest}
            </button>
          )}
          {policy.previous !== null && (
            <button type="submit" class="button quiet" formaction={`/policies/${id}/rollback`} data-body={JSON.stringify(expected)} data-done="The earlier revision is in force again.">
              Go back to revision {policy.previous}
            </button>
          )}
          {policy.active !== null && (
            <button type="submit" class="button quiet" formaction={`/policies/${id}/retire`} data-body={JSON.stringify(expected)} data-done="Out of force.">
              Retire
            </button>
          )}
        </div>
        <p class="told-form" role="status" data-told></p>
      </form>
    </section>
  );
}

function Difference({ diff, policy }: { readonly diff: PolicyDiffAnswer | undefined; readonly policy: PolicyAnswer }) {
  if (diff === undefined) return <Empty title="No difference to show">{policy.active === null ? "Nothing of it is in force." : "The newest revision is in force."}</Empty>;
  return (
    <section class="card" aria-label="Difference">
      <h2>
        Revision {diff.from} to {diff.to}
      </h2>
      <DataTable label={`What differs between revisions ${diff.from} and ${diff.to}`} columns={["Field", "In force", "Draft"]}>
        {diff.changes.map(({ field, from, to }) => (
          <tr>
            <th scope="row">
              <code>{field}</code>
            </th>
            <td>
              <del>{JSON.stringify(from)}</del>
            </td>
            <td>
              <ins>{JSON.stringify(to)}</ins>
            </td>
          </tr>
        ))}
      </DataTable>
    </section>
  );
}

function History({ changes }: { readonly changes: PolicyAnswer["changes"] }) {
  return (
    <DataTable label="History" columns={["When", "What", "Who", "Why"]}>
      {changes.toReversed().map(({ type, revision, author, reason, time, ignored }) => (
        <tr>
          <td>{formatMinute(Date.parse(time))}</td>
          <th scope="row">
            {type.replace("policy.", "")} {revision !== null && `revision ${revision}`}
            {ignored !== undefined && <span class="under">without effect: {ignored}</span>}
          </th>
          <td>{author}</td>
          <td>{reason}</td>
        </tr>
      ))}
    </DataTable>
  );
}
