import type { CourseDetail } from "../../contracts/catalogue.ts";
import type { PriceChangesAnswer } from "../../contracts/price-change.ts";
import { formatMinute, formatWhole } from "./format.ts";
import { Badge, DataTable, Empty } from "./parts.tsx";

const when = (time: string): string => formatMinute(Date.parse(time));

/** What may be done about a course's price: accept, override, schedule, propose or reject, each with its reason. */
export function PriceDecision({ detail, changes }: { readonly detail: CourseDetail; readonly changes: PriceChangesAnswer }) {
  const id = detail.course_id;
  const { optimal_price, quote_id } = detail.recommendation;
  return (
    <div class="figures two">
      <section class="card" aria-label="Set the price">
        <form class="stack" data-form="POST" action={`/courses/${id}/price`} data-body={JSON.stringify({ quote_id })}>
          <div class="row">
            <label>
              <span>Price, tokens</span>
              <input type="number" name="price" min="1" step="1" required value={optimal_price} />
            </label>
            <label>
              <span>At (UTC), to schedule it</span>
              <input type="datetime-local" name="at" />
            </label>
          </div>
          <label>
            <span>Reason</span>
            <input type="text" name="reason" required maxlength={1000} placeholder="as recommended" />
          </label>
          <div class="row">
            <button type="submit" class="button" data-body='{"action":"accept"}' data-done="Accepted: it is the list price as soon as its event is folded.">
              Accept
            </button>
            <button type="submit" class="button quiet" data-body='{"action":"schedule"}' data-done="Scheduled.">
              Schedule
            </button>
            <button type="submit" class="button quiet" data-body='{"action":"propose"}' data-done="Proposed: it waits for an approval.">
              Propose
            </button>
            <button type="submit" class="button quiet" data-body='{"action":"reject"}' data-done="Rejected.">
              Reject
            </button>
          </div>
          <p class="told-form" role="status" data-told></p>
        </form>
      </section>
      <section class="card" aria-label="What is decided">
        <p>
          List price <strong data-value>{formatWhole(changes.list_price)}</strong> tokens{changes.list_price_since !== null && ` since ${when(changes.list_price_since)}`}. Allowed now: {formatWhole(changes.allowed.min)} to {formatWhole(changes.allowed.max)} tokens under {changes.policy}.
        </p>
        {changes.cooling_down_until !== null && <p class="notice">It cools down until {when(changes.cooling_down_until)}.</p>}
        {changes.proposal === null ? (
          <p class="muted">No proposal waits for approval.</p>
        ) : (
          <form class="stack notice" data-form="POST" data-follows action={`/courses/${id}/price`} data-body={JSON.stringify({ price: changes.proposal.price, expected_sequence: changes.sequence })}>
            <p>
              <strong>{formatWhole(changes.proposal.price)} tokens</strong> proposed by {changes.proposal.author}, {when(changes.proposal.time)}: {changes.proposal.reason}
            </p>
            <div class="row">
              <button type="submit" class="button" data-body='{"action":"approve","reason":"approved"}' data-done="Approved.">
                Approve
              </button>
              <button type="submit" class="button quiet" data-body='{"action":"reject","reason":"not approved"}' data-done="Rejected.">
                Reject
              </button>
            </div>
            <p class="told-form" role="status" data-told></p>
          </form>
        )}
        {changes.scheduled.length > 0 && (
          <ul>
            {changes.scheduled.map(({ price, at }) => (
              <li>
                {formatWhole(price)} tokens from {when(at)}
              </li>
            ))}
          </ul>
        )}
      </section>
    </div>
  );
}

const changeWords: Readonly<Record<string, string>> = { "price.accepted": "accepted", "price.proposed": "proposed", "price.rejected": "rejected", "price.scheduled": "scheduled" };

/** Who decided what about a price, and why; newest first. */
export function PriceChanges({ changes: { changes, total } }: { readonly changes: PriceChangesAnswer }) {
  if (changes.length === 0) return <Empty title="Nobody has decided anything yet">Accepted, scheduled and rejected prices appear here with who, when and why.</Empty>;
  return (
    <DataTable
      label="Decisions"
      caption={<>Decisions{total > changes.length && `, the newest ${formatWhole(changes.length)} of ${formatWhole(total)}`}</>}
      columns={["When", "What", { number: "Price, tokens" }, "Who", "Why"]}
    >
      {changes.map(({ type, price, author, reason, time, at, automatic }) => (
        <tr>
          <td>{when(time)}</td>
          <th scope="row">
            {changeWords[type] ?? type} {automatic === true && <Badge tone="plain">automatic</Badge>}
            {at !== undefined && <span class="under">for {when(at)}</span>}
          </th>
          <td class="number">{formatWhole(price)}</td>
          <td>{author}</td>
          <td>{reason}</td>
        </tr>
      ))}
    </DataTable>
  );
}
