import { closeDialog } from "./dialogs.ts";

/** Forms that send JSON and say what came of it; the page's next update shows the change itself. */
export function startForms(): void {
  // One listener for all: updates bring new forms.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset["form"] === undefined) return;
    event.preventDefault();
    void send(form, event.submitter);
  });
}

/** The value of a field as the API takes it; undefined: nothing was entered. Throws what is wrong with it. */
function valueOf(input: Element): unknown {
  if (input instanceof HTMLTextAreaElement && input.dataset["json"] !== undefined) return JSON.parse(input.value) as unknown;
  if (!(input instanceof HTMLInputElement || input instanceof HTMLSelectElement || input instanceof HTMLTextAreaElement) || input.value === "") return undefined;
  if (input instanceof HTMLInputElement && input.type === "checkbox") return input.checked ? true : undefined;
  if (input.type === "number") return Number(input.value);
  if (input.type === "datetime-local") return new Date(`${input.value}Z`).toISOString();
  return input.value;
}

function bodyOf(form: HTMLFormElement, submitter: HTMLElement | null): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const input of form.elements) {
    const name = input.getAttribute("name");
    const value = name === null || name === "" ? undefined : valueOf(input);
    if (name !== null && value !== undefined) body[name] = value;
  }
  for (const constant of [form.dataset["body"], submitter?.dataset["body"]]) if (constant !== undefined) Object.assign(body, JSON.parse(constant));
  return body;
}

interface Told {
  readonly detail?: string;
  readonly valid?: boolean;
  readonly conflicts?: readonly { readonly message: string }[];
  readonly overlap?: { readonly message: string } | null;
  /** Of a simulation. */
  readonly reasoning?: string;
}

/** What an answer says in words; undefined: only that it is done. */
function wordsOf({ detail, reasoning, valid, conflicts = [], overlap }: Told): string | undefined {
  if (valid === undefined) return detail ?? reasoning;
  return valid ? "Its rules can all hold." : [...conflicts.map(({ message }) => message), ...(overlap === null || overlap === undefined ? [] : [overlap.message])].join(" ");
}

async function send(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  const told = form.querySelector<HTMLElement>("[data-told]");
  const buttons = [...form.querySelectorAll<HTMLButtonElement>("button")];
  const tell = (text: string, state: "ok" | "bad" | "busy"): void => {
    if (told === null) return;
    told.textContent = text;
    told.dataset["state"] = state;
  };
  let body: string;
  try {
    body = JSON.stringify(bodyOf(form, submitter));
  } catch (error) {
    tell(`This is no JSON: ${(error as Error).message}`, "bad");
    return;
  }
  for (const button of buttons) button.disabled = true;
  tell("…", "busy");
  try {
    const response = await fetch(submitter?.getAttribute("formaction") ?? form.action, { method: submitter?.dataset["method"] ?? form.dataset["form"] ?? "POST", headers: { "content-type": "application/json" }, body });
    const answer = (await response.json().catch(() => ({}))) as Told;
    const { next } = form.dataset;
    if (response.ok && next !== undefined && submitter?.dataset["stay"] === undefined) {
      location.assign(next);
      return;
    }
    const words = wordsOf(answer);
    if (!response.ok) form.dispatchEvent(new CustomEvent("tidemark-refused", { detail: answer }));
    if (response.ok) closeDialog(form, form.dataset["done"] ?? "Done.");
    tell(words ?? (response.ok ? (submitter?.dataset["done"] ?? form.dataset["done"] ?? "Done.") : `The engine answered ${response.status}.`), response.ok && answer.valid !== false ? "ok" : "bad");
    if (response.ok) dispatchEvent(new Event("tidemark-changed"));
  } catch {
    tell("The engine cannot be reached. Nothing was changed.", "bad");
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}
