import type { z } from "zod";
import { type FieldGroup, fieldShapes, type FieldShape, type FieldSpec, type RowsSpec } from "./document-fields.ts";

type Shapes = ReturnType<typeof fieldShapes>;

/** Makes the fields of a document for a schema, which is read once. What somebody enters goes into the text beside them, and what stands there into the fields. */
export function documentFields(schema: z.ZodType, groups: readonly FieldGroup[]): () => ReturnType<typeof Groups> {
  const shapes = fieldShapes(schema);
  return () => <Groups shapes={shapes} groups={groups} />;
}

function Groups({ shapes, groups }: { readonly shapes: Shapes; readonly groups: readonly FieldGroup[] }) {
  return (
    <div class="document-fields">
      {groups.map(({ title, fields }, i) => (
        <details open={i < 2}>
          <summary>{title}</summary>
          <div class="field-grid">{fields.map((field) => ("rows" in field ? <Rows spec={field} shapes={shapes} /> : <Field spec={field} shape={shapes(field.path, field.kind)} />))}</div>
        </details>
      ))}
    </div>
  );
}

function Field({ spec: { path, label, unit, when }, shape }: { readonly spec: FieldSpec; readonly shape: FieldShape }) {
  const id = `field-${path.replaceAll(".", "-")}`;
  return (
    <div class="field" data-when={when}>
      <label for={id}>
        {label} {unit !== undefined && <span class="unit">{unit}</span>}
      </label>
      <Input id={id} shape={shape} attributes={{ "data-path": path }} />
      <span class="field-error" id={`${id}-error`} data-error={path}></span>
    </div>
  );
}

function Rows({ spec: { path, label, rows, fields }, shapes }: { readonly spec: RowsSpec; readonly shapes: Shapes }) {
  return (
    <fieldset class="rows" data-rows={path}>
      <legend>{label}</legend>
      {Array.from({ length: rows }, (_, i) => (
        <div class="field-row" data-row>
          {fields.map(({ path: key, label: name, kind, when }) => (
            <div class="field" data-when={when}>
              <label for={`row-${path}-${i}-${key}`}>{name}</label>
              <Input id={`row-${path}-${i}-${key}`} shape={shapes(`${path}.*.${key}`, kind)} attributes={{ "data-key": key }} />
            </div>
          ))}
        </div>
      ))}
      <span class="field-error" id={`rows-${path}-error`} data-error={path}></span>
    </fieldset>
  );
}

function Input({ id, shape, attributes }: { readonly id: string; readonly shape: FieldShape; readonly attributes: Readonly<Record<string, string>> }) {
  const { kind, options = [], otherwise, min, max, whole } = shape;
  const shared = { ...attributes, id, "data-kind": kind, "data-otherwise": otherwise, "aria-describedby": "data-path" in attributes ? `${id}-error` : undefined };
  if (kind === "choice" || kind === "variant") {
    return (
      <select {...shared}>
        <option value="">{otherwise === undefined ? "–" : `${otherwise.replaceAll("_", " ")} (unless said)`}</option>
        {options.map((option) => (
          <option value={option}>{option.replaceAll("_", " ")}</option>
        ))}
      </select>
    );
  }
  if (kind === "flag") return <input {...shared} type="checkbox" />;
  if (kind === "time") return <input {...shared} type="datetime-local" />;
  if (kind === "number") return <input {...shared} type="number" min={min} max={max} step={whole === true ? 1 : "any"} placeholder={otherwise} />;
  return <input {...shared} type="text" placeholder={otherwise ?? (kind === "list" || kind === "numbers" ? "separated by commas" : undefined)} spellcheck={false} />;
}
