/** Forms that send JSON and say what came of it; the page's next update shows the change itself. */
export function startForms(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-form]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void send(form);
    });
  }
}

function valueOf(input: Element): string | number | boolean | undefined {
  if (input instanceof HTMLInputElement && input.type === "checkbox") return input.checked;
  if (input instanceof HTMLInputElement && input.type === "number") return input.value === "" ? undefined : Number(input.value);
  if (input instanceof HTMLInputElement || input instanceof HTMLSelectElement || input instanceof HTMLTextAreaElement) return input.value;
  return undefined;
}

function bodyOf(form: HTMLFormElement): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const input of form.elements) {
    const name = input.getAttribute("name");
    if (name === null || name === "") continue;
    const value = valueOf(input);
    if (value !== undefined) body[name] = value;
  }
  return body;
}

async function send(form: HTMLFormElement): Promise<void> {
  const told = form.querySelector<HTMLElement>("[data-told]");
  const buttons = [...form.querySelectorAll<HTMLButtonElement>("button")];
  const tell = (text: string, state: "ok" | "bad" | "busy"): void => {
    if (told === null) return;
    told.textContent = text;
    told.dataset["state"] = state;
  };
  for (const button of buttons) button.disabled = true;
  tell("…", "busy");
  try {
    const response = await fetch(form.action, { method: form.dataset["form"] ?? "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(bodyOf(form)) });
    const { next } = form.dataset;
    if (response.ok && next !== undefined) {
      location.assign(next);
    } else if (response.ok) {
      tell(form.dataset["done"] ?? "Done.", "ok");
      dispatchEvent(new Event("tidemark-changed"));
    } else {
      const problem = (await response.json().catch(() => ({}))) as { readonly detail?: string };
      tell(problem.detail ?? `The engine answered ${response.status}.`, "bad");
    }
  } catch {
    tell("The engine cannot be reached. Nothing was changed.", "bad");
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}
