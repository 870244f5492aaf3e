import type { Context } from "hono";
import type { z } from "zod";
import { BODY_BYTES_MAX } from "../contracts/api.ts";
import { idSchema } from "../contracts/fields.ts";
import { errorMessage } from "../lib/errors.ts";
import { ProblemError } from "./problem.ts";
import type { Handler } from "./route.ts";
import { WholeRequest } from "./whole-request.ts";

export const JSON_TYPE = "application/json";

function tooLarge(bytes_max: number): ProblemError {
  // The rest of the body is never read, so the connection cannot carry another request.
  return new ProblemError("body_too_large", `The body may hold at most ${bytes_max} bytes.`, { headers: { connection: "close" } });
}

/** The media type without its parameters; "" when there is none. */
export function mediaType(context: Context): string {
  const contentType = context.req.header("content-type");
  if (contentType === undefined || contentType === JSON_TYPE) return contentType ?? "";
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** The length that the request declares, judged before anything is read; undefined when it declares none. */
export function declaredLength(context: Context, bytes_max: number): number | undefined {
  const declared = context.req.header("content-length");
  if (declared === undefined) return undefined;
  if (!(Number(declared) <= bytes_max)) throw tooLarge(bytes_max);
  return Number(declared);
}

/** What a body that ended before its end becomes: the client is gone or too slow, and nothing in here is at fault. */
function cutOff(error: unknown): never {
  throw new ProblemError("invalid_request", `The body did not arrive whole: ${errorMessage(error)}.`, { headers: { connection: "close" } });
}

/** A body that says it is at most this long is waited for at once: reading it piece by piece would cost more than everything else about it. */
const WHOLE_BYTES_MAX = 16 * 1024;

/** The bytes of a body whose length `declaredLength` has judged. `onBytes` is told of them before they are in memory; what it throws ends the reading. */
export async function readBytes(context: Context, declared: number | undefined, bytes_max: number, onBytes: (bytes: number) => void): Promise<Uint8Array> {
  if (declared === undefined || declared > WHOLE_BYTES_MAX) return readCounted(context.req.raw, bytes_max, onBytes);
  onBytes(declared);
  return new Uint8Array(await context.req.raw.arrayBuffer().catch(cutOff));
}

/** Reads a body as it arrives, and stops at the cap, or at what `onBytes` throws when told of each piece. */
async function readCounted(request: Request, bytes_max: number, onBytes: (bytes: number) => void = () => undefined): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(cutOff);
    if (done) break;
    bytes += value.byteLength;
    try {
      if (bytes > bytes_max) throw tooLarge(bytes_max);
      onBytes(value.byteLength);
    } catch (error) {
      // Not awaited: a client that goes on sending would delay the answer.
      void reader.cancel().catch(() => undefined);
      throw error;
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks);
}

/**
 * The text of a JSON body. The declared length is judged before anything is read, and node:http delivers no more than
 * it declares; the framework's body-limit middleware would wrap the body in a stream and cost several times the
 * whole price call.
 */
function readText(context: Context, bytes_max: number): Promise<string> {
  const declared = declaredLength(context, bytes_max);
  if (mediaType(context) !== JSON_TYPE) {
    throw new ProblemError("unsupported_media_type", `Send the body as ${JSON_TYPE}.`, { field: "content-type" });
  }
  return declared === undefined ? readCounted(context.req.raw, bytes_max).then((bytes) => new TextDecoder().decode(bytes)) : context.req.raw.text().catch(cutOff);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError("invalid_json", text === "" ? "The body is empty." : "The body is not complete, valid JSON.");
  }
}

/** What a problem lists of fields at fault. */
const ISSUES_MAX = 20;

/** The problem that names the first field at fault, and all of them where they are more; `whole` names what is checked where it is no field of it. */
function invalidField({ issues }: z.ZodError, whole: string): ProblemError {
  const faults = issues.slice(0, ISSUES_MAX).map(({ path, message }) => ({ field: path.length === 0 ? whole : path.map(String).join("."), message }));
  const { field, message } = faults[0] ?? { field: whole, message: "invalid" };
  return new ProblemError("invalid_field", `${field}: ${message}`, { field, ...(faults.length > 1 ? { extension: { issues: faults } } : {}) });
}

function parseBody<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> {
  const result = schema.safeParse(parseJson(text));
  if (!result.success) throw invalidField(result.error, "body");
  return result.data;
}

/** Reads, parses and validates a JSON body; throws the ProblemError that names what is wrong with it. */
export async function readBody<Schema extends z.ZodType>(context: Context, schema: Schema, bytes_max = BODY_BYTES_MAX): Promise<z.output<Schema>> {
  return parseBody(await readText(context, bytes_max), schema);
}

/** A handler of a JSON body. Of a whole request the body is there already, and the answer may be given in the same turn. `known` may read a common text without the schema. */
export function withBody<Schema extends z.ZodType>(schema: Schema, handle: (body: z.output<Schema>, context: Context) => Promise<Response> | Response, known?: (text: string) => z.output<Schema> | undefined): Handler {
  return (context) => {
    const request: unknown = context.req.raw;
    if (!(request instanceof WholeRequest)) return readBody(context, schema).then((body) => handle(body, context));
    return handle(known?.(request.content) ?? parseBody(request.content, schema), context);
  };
}

/** Validates the query parameters; of one that is given twice, the first. Unknown ones are ignored, like fields of bodies. Throws the ProblemError that names what is wrong. */
export function readQuery<Schema extends z.ZodType>(context: Context, schema: Schema): z.output<Schema> {
  const result = schema.safeParse(context.req.query());
  if (!result.success) throw invalidField(result.error, "query");
  return result.data;
}

/** The path's parameters where they are more than an id. Throws the ProblemError that names the one at fault. */
export function readParams<Schema extends z.ZodObject>(context: Context, schema: Schema): z.output<Schema> {
  const result = schema.safeParse(context.req.param());
  if (!result.success) throw invalidField(result.error, "path");
  return result.data;
}

/** The path's `id`. Throws the ProblemError that says what an id looks like. */
export function readId(context: Context): string {
  const result = idSchema.safeParse(context.req.param("id") ?? "");
  if (!result.success) throw invalidField(result.error, "id");
  return result.data;
}
