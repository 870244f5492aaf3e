import { z } from "zod";
import { must } from "../../lib/assert.ts";

/** A field of a document as a form shows it: what people call it, and where it stands. */
export interface FieldSpec {
  /** Names, joined by dots. */
  readonly path: string;
  readonly label: string;
  readonly unit?: string;
  /** Shown only while another field has this value, such as `exploration.kind=jitter`. */
  readonly when?: string;
  /** What the schema does not tell of a text. */
  readonly kind?: "time" | "variant";
}

/** A field that is a list of objects, a row each. */
export interface RowsSpec {
  readonly path: string;
  readonly label: string;
  /** Rows of the form; the list may hold more, which only the text shows. */
  readonly rows: number;
  /** Of a row; the first one says whether there is a row at all, and `when` is of the row. */
  readonly fields: readonly FieldSpec[];
}

export interface FieldGroup {
  readonly title: string;
  readonly fields: readonly (FieldSpec | RowsSpec)[];
}

/** What a form has to know of a field beside its name: as the schema that reads the document says. */
export interface FieldShape {
  readonly kind: "choice" | "variant" | "flag" | "number" | "text" | "list" | "numbers" | "time";
  readonly options?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly whole?: boolean;
  /** As text; absent: it has none. */
  readonly otherwise?: string;
}

interface Node {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly default?: unknown;
}

/** Largest whole number that JSON Schema names for a plain integer: no limit of anybody's. */
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

const variantsOf = (node: Node): readonly Node[] => node.oneOf ?? node.anyOf ?? [node];

function step(node: Node, name: string): readonly Node[] {
  return variantsOf(node).flatMap((variant) => {
    const found = variant.properties?.[name];
    return found === undefined ? [] : [found];
  });
}

function shapeOf(nodes: readonly Node[], kind: FieldSpec["kind"]): FieldShape {
  const [first] = nodes;
  const node = must(first, "a field has a schema");
  // A null beside the value means that nothing is said.
  const plain = variantsOf(node).find(({ type }) => type !== "null") ?? node;
  const shared = node.default === undefined || node.default === null || typeof node.default === "object" ? {} : { otherwise: String(node.default) };
  if (kind === "variant") return { kind, options: nodes.map((own) => String(own.const)), ...shared };
  if (kind === "time") return { kind };
  if (plain.enum !== undefined) return { kind: "choice", options: plain.enum.map(String), ...shared };
  if (plain.type === "boolean") return { kind: "flag", ...shared };
  if (plain.type === "array") return { kind: plain.items?.type === "string" ? "list" : "numbers" };
  if (plain.type === "number" || plain.type === "integer") {
    const min = plain.minimum ?? plain.exclusiveMinimum;
    return { kind: "number", whole: plain.type === "integer", ...(min === undefined || min <= -NO_LIMIT ? {} : { min }), ...(plain.maximum === undefined || plain.maximum >= NO_LIMIT ? {} : { max: plain.maximum }), ...shared };
  }
  return { kind: "text", ...shared };
}

/** Reads shapes of fields out of a schema. A path that the schema does not have is a bug, and is told when the form is made. */
export function fieldShapes(schema: z.ZodType): (path: string, kind?: FieldSpec["kind"]) => FieldShape {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Node;
  return (path, kind) => {
    let around: readonly Node[] = [];
    let nodes: readonly Node[] = [root];
    for (const name of path.split(".")) {
      around = nodes;
      nodes = nodes.flatMap((node) => (name === "*" ? (node.items === undefined ? [] : [node.items]) : step(node, name)));
    }
    must(nodes[0], `the schema has no field ${path}`);
    const shape = shapeOf(nodes, kind);
    // A variant's default is one of its objects.
    const object = around.map((node) => node.default).find((value) => typeof value === "object" && value !== null && "kind" in value) as { readonly kind: string } | undefined;
    return kind === "variant" && object !== undefined ? { ...shape, otherwise: object.kind } : shape;
  };
}
