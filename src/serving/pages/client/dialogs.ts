/** Dialogs that ask before something is changed. What it is about stands in the button that opens one, and is of the moment in which it was clicked. */
export function startDialogs(): void {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const opener = event.target.closest<HTMLElement>("[data-open]");
    if (opener !== null) open(opener);
    else event.target.closest("[data-close]")?.closest("dialog")?.close();
  });
}

function open({ dataset }: HTMLElement): void {
  const dialog = document.getElementById(dataset["open"] ?? "");
  const form = dialog?.querySelector("form") ?? null;
  if (!(dialog instanceof HTMLDialogElement) || form === null) return;
  form.reset();
  form.action = dataset["action"] ?? "";
  form.dataset["body"] = dataset["body"] ?? "{}";
  const text = dialog.querySelector("[data-dialog-text]");
  if (text !== null) text.textContent = dataset["say"] ?? "";
  const told = form.querySelector("[data-told]");
  if (told !== null) told.textContent = "";
  dialog.showModal();
}

/** Closes the dialog that a form stands in, and says on the page what came of it; false: the form stands in none. */
export function closeDialog(form: HTMLFormElement, outcome: string): boolean {
  const dialog = form.closest("dialog");
  if (dialog === null) return false;
  dialog.close();
  const place = document.querySelector<HTMLElement>("[data-outcome]");
  if (place !== null) {
    place.textContent = outcome;
    place.dataset["state"] = "ok";
  }
  return true;
}
