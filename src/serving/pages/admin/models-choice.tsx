import type { ModelsAnswer } from "../../../contracts/model-api.ts";
import { formatCompact, formatMinute } from "../format.ts";
import { Badge, DataTable, Empty } from "../parts.tsx";

type Stored = ModelsAnswer["models"][number];

const when = (time: string): string => formatMinute(Date.parse(time));

/** Stored models, newest first: which serves, and buttons that ask before they change that. */
export function StoredModels({ models: { family, models, promotions, sequence, champion, pinned, rollback_to } }: { readonly models: ModelsAnswer }) {
  if (models.length === 0) return <Empty title="Nothing is stored">A training run stores what it makes, whether it is promoted or not.</Empty>;
  const expected = { expected_sequence: sequence };
  return (
    <>
      <div class="row actions">
        {rollback_to !== null && (
          <OpenButton dialog="rollback-model" family={family} action="rollback" body={{ ...expected, version: rollback_to }} say={`${champion} goes, and ${rollback_to}, which served before it, serves again.`}>
            Roll back…
          </OpenButton>
        )}
        {champion !== null && (
          <OpenButton
            dialog="pin-model"
            family={family}
            action="pin"
            body={{ ...expected, pinned: !pinned }}
            say={pinned ? `${champion} may be replaced by training again, once a run finds a better one.` : `${champion} stays, whatever training finds, until somebody replaces it by hand or lets go of it.`}
          >
            {pinned ? "Release…" : "Pin…"}
          </OpenButton>
        )}
      </div>
      <DataTable label={`Stored models of ${family}`} columns={["Model", "Standing", "Stored", { number: "Size" }, "Run", "Change"]}>
        {models.map((model) => (
          <tr class={model.champion ? "chosen" : ""}>
            <th scope="row">
              {model.version}
              <span class="under">{model.digest.slice(0, 12)}</span>
            </th>
            <td>
              <Standing model={model} pinned={pinned} />
            </td>
            <td>{when(model.stored_at)}</td>
            <td class="number">{formatCompact(model.bytes / 1024)} KB</td>
            <td>{model.run_id === null ? "–" : <a href={`/admin/models/runs/${model.run_id}`}>report</a>}</td>
            <td>
              {!model.champion && (
                <OpenButton dialog="promote-model" family={family} action="promote" body={{ ...expected, version: model.version, ...(needsForce(model) ? { force: true } : {}) }} say={promotionText(model, champion)}>
                  Promote…
                </OpenButton>
              )}
            </td>
          </tr>
        ))}
      </DataTable>
      <details class="features">
        <summary>Who promoted what, and why</summary>
        <DataTable label={`Promotions of ${family}`} columns={["When", "Model", "Who", "Why"]}>
          {promotions.map((promotion) => (
            <tr>
              <td>{when(promotion.time)}</td>
              <th scope="row">
                {promotion.version} {promotion.pinned && <Badge tone="warn">pinned</Badge>}
              </th>
              <td>{promotion.author ?? "training"}</td>
              <td>{promotion.reason}</td>
            </tr>
          ))}
        </DataTable>
      </details>
    </>
  );
}

const needsForce = ({ has_served, judged }: Stored): boolean => !has_served && judged !== "passed";

function promotionText(model: Stored, champion: string | null): string {
  const place = champion === null ? `${model.version} serves from then on.` : `${model.version} serves from then on, in the place of ${champion}.`;
  if (!needsForce(model)) return place;
  return `${place} ${model.judged === "refused" ? "Its own run refused it: it did not beat what it was compared with." : "No run has judged it here."}`;
}

function Standing({ model: { champion, has_served, judged }, pinned }: { readonly model: Stored; readonly pinned: boolean }) {
  if (champion) return <Badge tone="good">{pinned ? "serves, pinned" : "serves"}</Badge>;
  if (has_served) return <Badge tone="plain">has served</Badge>;
  return <Badge tone={judged === "passed" ? "plain" : "warn"}>{judged === "passed" ? "passed" : judged === "refused" ? "refused by its run" : "not judged"}</Badge>;
}

interface OpenButtonProps {
  readonly dialog: "promote-model" | "rollback-model" | "pin-model";
  readonly family: string;
  readonly action: string;
  readonly body: object;
  /** What will happen, for the dialog. */
  readonly say: string;
  readonly children: string;
}

/** Opens a dialog with what it is about; the dialog sends it. */
function OpenButton({ dialog, family, action, body, say, children }: OpenButtonProps) {
  return (
    <button type="button" class="button quiet small" data-open={dialog} data-action={`/models/${family}/${action}`} data-body={JSON.stringify(body)} data-say={say}>
      {children}
    </button>
  );
}

/** Each asks for a reason before it does anything; which model it is about stands in the button that opened it. */
export function ModelDialogs() {
  return (
    <>
      <ChangeDialog id="promote-model" title="Promote this model?" confirm="Promote" done="Promoted: it serves." pin />
      <ChangeDialog id="rollback-model" title="Roll back?" confirm="Roll back" done="Rolled back." pin />
      <ChangeDialog id="pin-model" title="Change who may replace it?" confirm="Confirm" done="Done." />
    </>
  );
}

function ChangeDialog({ id, title, confirm, done, pin = false }: { readonly id: string; readonly title: string; readonly confirm: string; readonly done: string; readonly pin?: boolean }) {
  return (
    <dialog id={id} class="card" data-dialog aria-labelledby={`${id}-title`}>
      <form class="stack" data-form="POST" data-done={done}>
        <h2 id={`${id}-title`}>{title}</h2>
        <p data-dialog-text></p>
        <label>
          <span>Reason</span>
          <input type="text" name="reason" required maxlength={1000} />
        </label>
        {pin && (
          <label class="check">
            <input type="checkbox" name="pinned" />
            <span>Pin it: only people replace it from then on</span>
          </label>
        )}
        <div class="row">
          <button type="submit" class="button">
            {confirm}
          </button>
          <button type="button" class="button quiet" data-close>
            Cancel
          </button>
        </div>
        <p class="told-form" role="status" data-told></p>
      </form>
    </dialog>
  );
}
