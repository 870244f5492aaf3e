import type { z } from "zod";
import { type Document, valueAt } from "./json-path.ts";
import { type FieldGroup, fieldShapes, type FieldShape, type FieldSpec, type RowsSpec } from "./document-fields.ts";

type Shapes = ReturnType<typeof fieldShapes>;

/** Makes the fields of a document for a schema, which is read once. What somebody enters goes into the text beside them, and what stands there into the fields. */
export function documentFields(schema: z.ZodType, groups: readonly FieldGroup[]): (of: { readonly document: Document }) => ReturnType<typeof Groups> {
  const shapes = fieldShapes(schema);
  return ({ document }) => <Groups shapes={shapes} groups={groups} document={document} />;
}

/** As the script would show it: nothing moves when that begins. */
function isHidden(document: Document, when: string | undefined, otherwise: (path: string) => string | undefined): boolean {
  if (when === undefined) return false;
  const [path = "", wanted] = when.split("=");
  return (valueAt(document, path) ?? otherwise(path)) !== wanted;
}

function valueText(shape: FieldShape, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return Array.isArray(value) ? value.join(", ") : shape.kind === "time" ? String(value).slice(0, 16) : String(value as string | number);
}

function Groups({ shapes, groups, document }: { readonly shapes: Shapes; readonly groups: readonly FieldGroup[]; readonly document: Document }) {
  return (
    <div class="document-fields">
      {groups.map(({ title, fields }, i) => (
        <details open={i < 2}>
          <summary>{title}</summary>
          <div class="field-grid">{fields.map((field) => ("rows" in field ? <Rows spec={field} shapes={shapes} document={document} /> : <Field spec={field} shapes={shapes} document={document} />))}</div>
        </details>
      ))}
    </div>
  );
}

function Field({ spec: { path, label, unit, when, kind }, shapes, document }: { readonly spec: FieldSpec; readonly shapes: Shapes; readonly document: Document }) {
  const shape = shapes(path, kind);
  const id = `field-${path.replaceAll(".", "-")}`;
  return (
    <div class="field" data-when={when} hidden={isHidden(document, when, (other) => shapes(other, other.endsWith(".kind") ? "variant" : undefined).otherwise)}>
      <label for={id}>
        {label}
        {unit !== undefined && <span class="unit">, {unit}</span>}
      </label>
      <Input id={id} shape={shape} value={valueAt(document, path)} attributes={{ "data-path": path }} />
      <span class="field-error" id={`${id}-error`} data-error={path}></span>
    </div>
  );
}

function Rows({ spec: { path, label, rows, fields }, shapes, document }: { readonly spec: RowsSpec; readonly shapes: Shapes; readonly document: Document }) {
  const list = valueAt(document, path);
  const items = (Array.isArray(list) ? list : []) as readonly Document[];
  return (
    <fieldset class="rows" data-rows={path}>
      <legend>{label}</legend>
      {Array.from({ length: rows }, (_, i) => (
        <div class="field-row" data-row hidden={i > items.length}>
          {fields.map(({ path: key, label: name, kind, when }) => (
            <div class="field" data-when={when} hidden={isHidden(items[i] ?? {}, when, () => undefined)}>
              <label for={`row-${path}-${i}-${key}`}>{name}</label>
              <Input id={`row-${path}-${i}-${key}`} shape={shapes(`${path}.*.${key}`, kind)} value={valueAt(items[i] ?? {}, key)} attributes={{ "data-key": key }} />
            </div>
          ))}
        </div>
      ))}
      <span class="field-error" id={`rows-${path}-error`} data-error={path}></span>
    </fieldset>
  );
}

function Input({ id, shape, value, attributes }: { readonly id: string; readonly shape: FieldShape; readonly value: unknown; readonly attributes: Readonly<Record<string, string>> }) {
  const { kind, options = [], otherwise, min, max, whole } = shape;
  const text = valueText(shape, value);
  const shared = { ...attributes, id, "data-kind": kind, "data-otherwise": otherwise, "aria-describedby": "data-path" in attributes ? `${id}-error` : undefined };
  if (kind === "choice" || kind === "variant") {
    return (
      <select {...shared}>
        <option value="">{otherwise === undefined ? "–" : `${otherwise.replaceAll("_", " ")} (unless said)`}</option>
        {options.map((option) => (
          <option value={option} selected={value === option}>{option.replaceAll("_", " ")}</option>
        ))}
      </select>
    );
  }
  if (kind === "flag") return <input {...shared} type="checkbox" checked={value === undefined ? otherwise === "true" : value === true} />;
  if (kind === "time") return <input {...shared} type="datetime-local" value={text} />;
  if (kind === "number") return <input {...shared} type="number" min={min} max={max} step={whole === true ? 1 : "any"} value={text} placeholder={otherwise} />;
  return <input {...shared} type="text" value={text} placeholder={otherwise ?? (kind === "list" || kind === "numbers" ? "separated by commas" : undefined)} spellcheck={false} />;
}
