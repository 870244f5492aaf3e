import { z } from "zod";
import { idSchema } from "../../contracts/fields.ts";
import { problemSchema } from "../../contracts/problem.ts";
import { rolesThatMay } from "../../contracts/role.ts";
import { templateOf } from "../landing.ts";
import type { Answer, RouteDefinition } from "../route.ts";
import { answerExamples } from "./answer-examples.ts";

type Json = { readonly [key: string]: unknown };

export interface OpenApiOptions {
  readonly version: string;
  /** Answers may hold nothing that is not named: for tests. To clients new fields are no change. */
  readonly closed?: boolean;
}

const JSON_TYPE = "application/json";
const PROBLEM = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } as const;

/** What any endpoint may answer instead, by status. Only what its definition makes possible is listed for each. */
const refusals = {
  400: "The body is not JSON, or did not arrive whole",
  401: "No key that is in force",
  403: "A key that may not do this",
  404: "There is nothing of that name",
  409: "Somebody else changed it meanwhile",
  413: "The body is too large",
  415: "The body is of another type",
  422: "A field is not valid; `field` names it",
  429: "Too much is asked for by this key, or is under way; Retry-After says when to ask again",
  500: "A failure of the engine",
  503: "Something that the answer needs is away, or too much is asked for; Retry-After says when to ask again",
} as const;
type Refusal = keyof typeof refusals;

function refusalsOf({ role, method, body, query, params, path, refuses = [] }: RouteDefinition): Refusal[] {
  const found = new Set<Refusal>([500, 503, ...refuses]);
  if (role !== "public") for (const status of [401, 403, 429] as const) found.add(status);
  if (body !== undefined) for (const status of [400, 413, 415, 422, 404] as const) found.add(status);
  if (query !== undefined || params !== undefined || method !== "GET") found.add(422);
  if (path.includes(":")) for (const status of [404, 422] as const) found.add(status);
  if (method !== "GET" && role !== "price" && role !== "events") found.add(409);
  return [...found].sort((a, b) => a - b);
}

/** JSON Schema of what is sent (`input`) or answered (`output`). Transformed query parameters have their text's schema. */
function schemaOf(schema: z.ZodType, io: "input" | "output", closed = false): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      if (!closed && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  });
  return json;
}

function parametersOf({ path, params, query, example }: RouteDefinition): Json[] {
  const known = params === undefined ? {} : ((schemaOf(params, "input")["properties"] ?? {}) as Json);
  const found: Json[] = [];
  for (const [, name = ""] of path.matchAll(/:(\w+)/g)) {
    const value = example?.params?.[name];
    found.push({ name, in: "path", required: true, schema: known[name] ?? schemaOf(idSchema, "input"), ...(value === undefined ? {} : { example: value }) });
  }
  if (query === undefined) return found;
  const { properties = {}, required = [] } = schemaOf(query, "input") as { properties?: Json; required?: readonly string[] };
  for (const [name, schema] of Object.entries(properties)) {
    const text = example?.query?.[name];
    // Parameters are text, their schemas may speak of numbers.
    const value = text !== undefined && ["integer", "number"].includes(String((schema as Json)["type"])) ? Number(text) : text;
    found.push({ name, in: "query", required: required.includes(name), schema, ...(value === undefined ? {} : { example: value }) });
  }
  return found;
}

export function answerOf({ answer }: RouteDefinition): Answer {
  return answer === undefined ? {} : answer instanceof z.ZodType ? { schema: answer } : answer;
}

function responsesOf(definition: RouteDefinition, closed: boolean): Json {
  const { status = 200, type, schema, description } = answerOf(definition);
  const example = definition.example?.answer ?? answerExamples[operationId(definition)];
  const content = schema === undefined && type === undefined ? undefined : { [type ?? JSON_TYPE]: { schema: schema === undefined ? { type: "string" } : schemaOf(schema, "output", closed), ...(example === undefined ? {} : { example }) } };
  const responses: Record<string, unknown> = { [status]: { description: description ?? definition.summary, ...(content === undefined ? {} : { content }) } };
  if (definition.cacheable === true) responses["304"] = { description: "What If-None-Match names is still what would be answered" };
  for (const refused of refusalsOf(definition)) responses[refused] = { $ref: `#/components/responses/${refused}` };
  return responses;
}

/** `POST /courses/:id/price` is post_courses_id_price. */
export function operationId({ method, path }: Pick<RouteDefinition, "method" | "path">): string {
  const words = templateOf(path).replaceAll(/\W+/g, "_").replaceAll(/^_|_$/g, "");
  return `${method.toLowerCase()}_${words === "" ? "index" : words}`;
}

function operationOf(definition: RouteDefinition, closed: boolean): Json {
  const { role, summary, description, body, bodyTypes = [JSON_TYPE], example, path } = definition;
  const roles = role === "public" ? "Needs no key." : `Asks for a key of role ${rolesThatMay(role).join(" or ")}.`;
  const parameters = parametersOf(definition);
  const content = body === undefined ? undefined : Object.fromEntries(bodyTypes.map((type) => [type, { schema: schemaOf(body, "input"), ...(example?.body === undefined || type !== JSON_TYPE ? {} : { example: example.body }) }]));
  return {
    operationId: operationId(definition),
    tags: [path.split("/")[1]?.split("_")[0] || "index"],
    summary: summary.charAt(0).toUpperCase() + summary.slice(1),
    description: description === undefined ? roles : `${description}\n\n${roles}`,
    ...(role === "public" ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(content === undefined ? {} : { requestBody: { required: true, content } }),
    responses: responsesOf(definition, closed),
  };
}

/** The OpenAPI 3.1 document of every endpoint, from the schemas that requests are validated with. */
export function openApiDocument(definitions: readonly RouteDefinition[], { version, closed = false }: OpenApiOptions): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const definition of definitions) {
    const path = (paths[templateOf(definition.path)] ??= {});
    path[definition.method.toLowerCase()] = operationOf(definition, closed);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Tidemark",
      version,
      summary: "Prices courses in tokens from a stream of enrollments",
      description: "Features are folded as events arrive, and the next price already reflects them. Unknown fields of bodies are ignored, and answers may gain fields. Errors are problem details (RFC 9457) with a stable `code`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, { header: [] }],
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema, "output") },
      responses: Object.fromEntries(Object.entries(refusals).map(([status, description]) => [status, { description, content: PROBLEM }])),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "A key made by `tidemark key create`. Asked for once there is one." },
        header: { type: "apiKey", in: "header", name: "X-API-Key" },
      },
    },
  };
}
