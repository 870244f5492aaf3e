import { type Document, setAt, valueAt } from "../json-path.ts";

const CHECK_AFTER_MS = 300;

type Input = HTMLInputElement | HTMLSelectElement;

/** What the engine says of a document that it does not take as it is. */
export interface Refusal {
  readonly detail?: string;
  readonly field?: string;
  readonly issues?: readonly { readonly field: string; readonly message: string }[];
  readonly conflicts?: readonly { readonly rules: readonly string[]; readonly message: string }[];
}

/** What somebody has entered; undefined: nothing, which means the default. */
function entered(input: Input): unknown {
  const { kind, otherwise } = input.dataset;
  if (input instanceof HTMLInputElement && kind === "flag") return String(input.checked) === otherwise ? undefined : input.checked;
  const text = input.value.trim();
  if (text === "") return undefined;
  switch (kind) {
    case "number":
      return Number(text);
    case "time":
      return new Date(`${text}Z`).toISOString();
    case "list":
      return parts(text);
    case "numbers":
      return parts(text).map(Number);
    default:
      return text;
  }
}

const parts = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .filter((part) => part !== "");

function show(input: Input, value: unknown): void {
  // Whoever types is not interrupted.
  if (input === document.activeElement) return;
  const { kind, otherwise } = input.dataset;
  if (input instanceof HTMLInputElement && kind === "flag") input.checked = value === undefined ? otherwise === "true" : value === true;
  else if (Array.isArray(value)) input.value = value.join(", ");
  else input.value = value === undefined || value === null ? "" : kind === "time" ? String(value).slice(0, 16) : String(value as string | number);
}

/**
 * A JSON document and fields of it: the text is what is sent, and whichever of the two somebody edits, the other follows. What is wrong is said at the field, by the
 * engine, which checks with the schema that it reads documents by.
 */
class DocumentForm {
  readonly #form: HTMLFormElement;
  readonly #text: HTMLTextAreaElement;
  readonly #name: string;
  #timer = 0;
  #checks = 0;

  constructor(form: HTMLFormElement, text: HTMLTextAreaElement) {
    this.#form = form;
    this.#text = text;
    this.#name = text.name;
  }

  start(): void {
    this.#form.addEventListener("input", (event) => this.#edited(event.target));
    this.#form.addEventListener("tidemark-refused", (event) => this.#tell((event as CustomEvent<Refusal>).detail));
    this.#follow();
  }

  #edited(target: EventTarget | null): void {
    if (target === this.#text) this.#follow();
    else if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) {
      const document = this.#read();
      if (document === undefined) return;
      if (target.dataset["path"] !== undefined) this.#put(document, target, target.dataset["path"]);
      else if (target.dataset["key"] !== undefined) this.#putRows(document, target.closest<HTMLElement>("[data-rows]"));
      else return;
      this.#text.value = JSON.stringify(document, undefined, 2);
      this.#arrange(document);
    } else return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), CHECK_AFTER_MS);
  }

  /** The document as it stands in the text; undefined: that is no JSON object. */
  #read(): Document | undefined {
    try {
      const document = JSON.parse(this.#text.value) as unknown;
      return typeof document === "object" && document !== null && !Array.isArray(document) ? (document as Document) : undefined;
    } catch {
      return undefined;
    }
  }

  #put(document: Document, input: Input, path: string): void {
    const value = entered(input);
    if (input.dataset["kind"] !== "variant") return setAt(document, path, value);
    // What one kind has, another has not.
    const at = path.slice(0, path.lastIndexOf("."));
    setAt(document, at, value === undefined ? undefined : { kind: value });
  }

  #putRows(document: Document, place: HTMLElement | null): void {
    const path = place?.dataset["rows"];
    if (place === null || path === undefined) return;
    const before = valueAt(document, path);
    const rows = [...place.querySelectorAll<HTMLElement>("[data-row]")];
    const list = rows.map((row, i) => {
      const item: Document = structuredClone(Array.isArray(before) ? ((before as Document[])[i] ?? {}) : {});
      for (const input of this.#inputs(row, "[data-key]")) {
        const shown = input.closest<HTMLElement>("[data-when]")?.hidden !== true;
        setAt(item, input.dataset["key"] ?? "", shown ? entered(input) : undefined);
      }
      return item;
    });
    const rest = Array.isArray(before) ? (before as Document[]).slice(rows.length) : [];
    const kept = list.filter((item, i) => this.#inputs(rows[i]!, "[data-key]")[0]?.value !== "" && Object.keys(item).length > 0);
    setAt(document, path, kept.length + rest.length === 0 ? undefined : [...kept, ...rest]);
  }

  /** Brings the fields to what the text says. */
  #follow(): void {
    const document = this.#read();
    if (document === undefined) return;
    for (const input of this.#inputs(this.#form, "[data-path]")) show(input, valueAt(document, input.dataset["path"] ?? ""));
    for (const place of this.#form.querySelectorAll<HTMLElement>("[data-rows]")) {
      const list = valueAt(document, place.dataset["rows"] ?? "");
      for (const [i, row] of [...place.querySelectorAll<HTMLElement>("[data-row]")].entries()) {
        const item = Array.isArray(list) ? ((list as (Document | undefined)[])[i] ?? {}) : {};
        for (const input of this.#inputs(row, "[data-key]")) show(input, valueAt(item, input.dataset["key"] ?? ""));
      }
    }
    this.#arrange(document);
  }

  /** Shows the fields that mean something as the document stands: of rows, those that are used and one more. */
  #arrange(document: Document): void {
    for (const field of this.#form.querySelectorAll<HTMLElement>("[data-when]")) {
      const [path = "", wanted] = (field.dataset["when"] ?? "").split("=");
      const row = field.closest<HTMLElement>("[data-row]");
      const of = row ?? this.#form;
      const input = of.querySelector<Input>(row === null ? `[data-path="${path}"]` : `[data-key="${path}"]`);
      const value = row === null ? valueAt(document, path) : input?.value === "" ? undefined : input?.value;
      field.hidden = (value ?? input?.dataset["otherwise"]) !== wanted;
    }
    for (const place of this.#form.querySelectorAll<HTMLElement>("[data-rows]")) {
      let free = 0;
      for (const row of place.querySelectorAll<HTMLElement>("[data-row]")) {
        const empty = this.#inputs(row, "[data-key]")[0]?.value === "";
        row.hidden = empty && free > 0;
        if (empty) free++;
      }
    }
    this.#form.dispatchEvent(new CustomEvent("tidemark-document", { detail: document }));
  }

  #inputs(of: ParentNode, selector: string): Input[] {
    return [...of.querySelectorAll<Input>(selector)];
  }

  async #check(): Promise<void> {
    const { check, checkBody } = this.#form.dataset;
    const document = this.#read();
    if (document === undefined) return this.#tell({ detail: "This is no JSON object.", field: this.#name });
    if (check === undefined) return;
    const own = ++this.#checks;
    try {
      const response = await fetch(check, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...(JSON.parse(checkBody ?? "{}") as object), [this.#name]: document }) });
      const answer = (await response.json()) as Refusal;
      if (own === this.#checks) this.#tell(answer);
    } catch {
      // Away: whoever saves is told.
    }
  }

  /** Says what is wrong at the fields that it is about; what has no field is said beside the text. */
  #tell({ detail, field, issues, conflicts = [] }: Refusal): void {
    const faults = issues ?? (field === undefined || detail === undefined || conflicts.length > 0 ? [] : [{ field, message: detail.startsWith(`${field}: `) ? detail.slice(field.length + 2) : detail }]);
    const all = [...faults, ...conflicts.flatMap(({ rules, message }) => rules.map((rule) => ({ field: rule, message })))];
    const texts = new Map<HTMLElement, string[]>();
    for (const { field: path, message } of all) {
      const bare = path === this.#name ? "" : path.startsWith(`${this.#name}.`) ? path.slice(this.#name.length + 1) : path;
      const place = this.#placeOf(bare);
      if (place === undefined) continue;
      const rest = bare.slice((place.dataset["error"] ?? "").length + 1);
      const said = message.endsWith("received undefined") ? "is needed" : message;
      texts.set(place, [...(texts.get(place) ?? []), rest === "" ? said : `${rest}: ${said}`]);
    }
    for (const place of this.#form.querySelectorAll<HTMLElement>("[data-error]")) {
      const text = [...new Set(texts.get(place))].join("; ");
      if (place.textContent !== text) place.textContent = text;
      place.parentElement?.querySelector("[data-path], textarea")?.setAttribute("aria-invalid", String(text !== ""));
      if (text !== "") place.closest("details")?.setAttribute("open", "");
    }
  }

  /** Where something about a path is said: at its own field, the nearest around it, the first one within it, or beside the text. */
  #placeOf(path: string): HTMLElement | undefined {
    const places = [...this.#form.querySelectorAll<HTMLElement>("[data-error]")];
    const at = (name: string): HTMLElement | undefined => places.find(({ dataset }) => dataset["error"] === name);
    for (let name = path; name !== ""; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) {
      const found = at(name);
      if (found !== undefined) return found;
    }
    return (path === "" ? undefined : places.find(({ dataset }) => dataset["error"]?.startsWith(`${path}.`))) ?? at("");
  }
}

export function startDocumentForms(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-document]")) {
    const text = form.querySelector("textarea");
    if (text !== null) new DocumentForm(form, text).start();
  }
}
