import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import { problemSchema } from "../../contracts/problem.ts";
import type { Event } from "../../contracts/events.ts";
import { must } from "../../lib/assert.ts";
import { DAY_MS, formatTime } from "../../lib/time.ts";
import { templateOf } from "../landing.ts";
import { registered } from "../learners/testing.ts";
import type { RouteDefinition } from "../route.ts";
import { START_MS, testArtifact, TestEngine } from "../testing.ts";
import { answerExamples } from "./answer-examples.ts";
import { openApiDocument, operationId } from "./openapi.ts";

interface Media {
  readonly schema: object;
  readonly example?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: object; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>>; readonly $ref?: string }>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const engine = new TestEngine();
const definitions = engine.app.endpoints;
const document = openApiDocument(definitions, { version: "1.2.3" }) as unknown as Document;
const closed = openApiDocument(definitions, { version: "1.2.3", closed: true }) as unknown as Document;
const ajv = new Ajv2020({ strict: false, allErrors: true });

const operationOf = (whole: Document, { method, path }: RouteDefinition): Operation => must(whole.paths[templateOf(path)]?.[method.toLowerCase()], `${method} ${path} is not in the document`);
/** What they answer depends on what was done before: an example may meet nothing, or too much. */
const STATEFUL = /^\/(keys|models|policies|experiments|quotes|price_changes|prices)\b/;
const named = definitions.map((definition) => [`${definition.method} ${definition.path}`, definition] as const);

function errorsOf(schema: object, value: unknown): unknown[] {
  const check = ajv.compile(schema);
  return check(value) ? [] : (check.errors ?? []);
}

/** An address with the example's parameters, and a request as the document says that it is sent. */
function ask({ method, path, example, bodyTypes }: RouteDefinition): Promise<Response> {
  const filled = templateOf(path).replaceAll(/\{(\w+)\}/g, (_, name: string) => must(example?.params?.[name], `${path} has no example of ${name}`));
  const query = new URLSearchParams(example?.query).toString();
  const init = example?.body === undefined ? {} : { body: JSON.stringify(example.body), headers: { "content-type": bodyTypes?.[0] ?? "application/json" } };
  return Promise.resolve(engine.app.request(query === "" ? filled : `${filled}?${query}`, { method, ...init }));
}

beforeAll(async () => {
  engine.clock.passing = true;
  const time = formatTime(START_MS - 50 * DAY_MS);
  engine.foldCatalogue();
  const course = (course_id: string): Event => ({ id: course_id, type: "course.upserted", time, course_id, teacher_id: "T00001", category: "programming", difficulty_level: "beginner", quality_tier: "basic", base_price: 100, launched_at: time });
  engine.fold(course("C00001"), course("C00002"), registered("L000001"), registered("L000002"));
  engine.promote(testArtifact());
  await engine.models.check();
  await engine.degradation.check();
  // What the examples of policies go on from: two revisions, one after the other in force.
  for (const revision of [1, 2]) {
    await engine.post("/policies/season-sale", { policy: { floor_tokens: 10 + revision, scope: { categories: ["programming"] } }, reason: "test" }, "PUT");
    await engine.post("/policies/season-sale/activate", { revision, reason: "test" });
  }
});

describe("the document", () => {
  test("is valid OpenAPI 3.1", async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document) as unknown as Parameters<typeof validator.validate>[0]);
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
    expect(validator.version).toBe("3.1");
  });

  test("names every endpoint once, each with an id of its own and its parameters", () => {
    const ids = definitions.map(operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, definition] of named) {
      const operation = operationOf(document, definition);
      const wanted = [...templateOf(definition.path).matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      expect(operation.parameters?.filter((parameter) => parameter.in === "path").map((parameter) => parameter.name) ?? [], name).toEqual(wanted);
    }
    expect(JSON.stringify(document)).not.toContain("#/$defs");
  });

  test.each(named)("%s: examples fit their schemas", (_, definition) => {
    const { parameters = [], requestBody, responses } = operationOf(document, definition);
    for (const { name, schema, example } of parameters) expect(example === undefined ? [] : errorsOf(schema, example), name).toEqual([]);
    const media = [...Object.values(requestBody?.content ?? {}), ...Object.values(responses).flatMap(({ content }) => Object.values(content ?? {}))];
    for (const { schema, example } of media) expect(example === undefined ? [] : errorsOf(schema, example)).toEqual([]);
    expect(definition.method !== "GET" && definition.body !== undefined && definition.example?.body === undefined, "a body needs an example").toBe(false);
  });
});

test("every example of an answer belongs to an endpoint", () => {
  expect(Object.keys(answerExamples).filter((id) => !definitions.some((definition) => operationId(definition) === id))).toEqual([]);
});

describe("answers", () => {
  test.each(named)("%s answers its example as the document says", async (_, definition) => {
    const response = await ask(definition);
    const operation = operationOf(closed, definition);
    const documented = must(operation.responses[response.status], `status ${response.status} is not documented: ${response.status >= 400 ? await response.clone().text() : ""}`);
    const refused = response.status >= 400 ? await response.clone().text() : "";
    expect(response.status < 400 || (STATEFUL.test(definition.path) && [404, 409].includes(response.status)), refused).toBe(true);
    if (refused !== "") return;
    const [type, media] = must(Object.entries(documented.content ?? {})[0], "no content is documented");
    expect(type === "*/*" ? type : response.headers.get("content-type")?.split(";")[0]).toBe(type);
    expect(type === "application/json" ? errorsOf(media.schema, await response.json()) : []).toEqual([]);
  });

  test.each(named.filter(([, { body }]) => body !== undefined))("%s refuses a bad body as the document says", async (_, { method, path, ...definition }) => {
    const url = templateOf(path).replaceAll(/\{\w+\}/g, "x");
    const operation = operationOf(document, { method, path, ...definition });
    for (const [body, type] of [["{", "application/json"], ["[]", "application/json"], ["{}", "text/plain"], ["1", "application/json"], ["x".repeat(5_000_000), "application/json"]] as const) {
      const response = await engine.app.request(url, { method, body, headers: { "content-type": type, "content-length": String(body.length) } });
      expect(operation.responses[response.status], `${response.status}`).toBeDefined();
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(problemSchema.loose().parse(await response.json()).status).toBe(response.status);
    }
  });
});

describe("pages", () => {
  test("the document is served, and asked about again", async () => {
    const response = await engine.app.request("/openapi.json");
    expect(await response.json()).toMatchObject({ openapi: "3.1.0", info: { title: "Tidemark", version: "0.0.0" } });
    const tag = must(response.headers.get("etag"), "no tag");
    expect((await engine.app.request("/openapi.json", { headers: { "if-none-match": tag } })).status).toBe(304);
  });

  test("the page loads from this server alone, and only what it needs", async () => {
    const page = await engine.app.request("/docs");
    const policy = must(page.headers.get("content-security-policy"), "no policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe-inline/);
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => must(url, "no address")).filter((url) => url !== "data:,");
    expect(files.every((url) => url.startsWith("/"))).toBe(true);
    for (const url of files) expect((await engine.app.request(url)).status, url).toBe(200);
    expect((await (await engine.app.request("/docs/swagger-ui-bundle.js")).text()).length).toBeGreaterThan(500_000);
    for (const file of ["package.json", "..%2fpackage.json", "swagger-ui.css.map", "__proto__", "index.html"]) expect((await engine.app.request(`/docs/${file}`)).status, file).toBe(404);
  });
});
