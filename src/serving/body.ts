import type { Context } from "hono";
import type { z } from "zod";
import { BODY_BYTES_MAX } from "../contracts/api.ts";
import { ProblemError } from "./problem.ts";

const JSON_TYPE = "application/json";

function tooLarge(): ProblemError {
  // The rest of the body is never read, so the connection cannot carry another request.
  return new ProblemError("body_too_large", `The body may hold at most ${BODY_BYTES_MAX} bytes.`, { headers: { connection: "close" } });
}

function isJson(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  if (contentType === JSON_TYPE) return true;
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase() === JSON_TYPE;
}

/** Reads a body that does not say its length, and stops at the cap. */
async function readCounted(request: Request): Promise<string> {
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > BODY_BYTES_MAX) {
      // Not awaited: a client that goes on sending would delay the answer.
      void reader.cancel().catch(() => undefined);
      throw tooLarge();
    }
    chunks.push(value);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

/**
 * The text of a JSON body. The declared length is judged before anything is read, and node:http delivers no more than
 * it declares; the framework's body-limit middleware would wrap the body in a stream and cost several times the
 * whole price call.
 */
function readText(context: Context): Promise<string> {
  const declared = context.req.header("content-length");
  if (declared !== undefined && !(Number(declared) <= BODY_BYTES_MAX)) throw tooLarge();
  if (!isJson(context.req.header("content-type"))) {
    throw new ProblemError("unsupported_media_type", `Send the body as ${JSON_TYPE}.`, { field: "content-type" });
  }
  return declared === undefined ? readCounted(context.req.raw) : context.req.raw.text();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError("invalid_json", text === "" ? "The body is empty." : "The body is not complete, valid JSON.");
  }
}

function invalidField(error: z.ZodError): ProblemError {
  const issue = error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "body" : issue.path.map(String).join(".");
  return new ProblemError("invalid_field", `${field}: ${issue?.message ?? "invalid"}`, { field });
}

/** Reads, parses and validates a JSON body; throws the ProblemError that names what is wrong with it. */
export async function readBody<Schema extends z.ZodType>(context: Context, schema: Schema): Promise<z.output<Schema>> {
  const result = schema.safeParse(parseJson(await readText(context)));
  if (!result.success) throw invalidField(result.error);
  return result.data;
}
