import { problemSchema } from "../../contracts/problem.ts";
import type { DocumentedPaths, HostileRequest } from "./hostile-requests.ts";

/** Whatever looks as if it came out of the engine's insides. */
const INSIDES = /\n\s+at |node_modules|\.[cm]?[jt]s:\d|\bTypeError\b|\bRangeError\b|\bSyntaxError\b|\bZodError\b/;

function reaches({ target, template }: HostileRequest): boolean {
  const [path = ""] = target.split("?");
  return new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path);
}

/**
 * What is wrong with an answer; undefined: nothing. No failure of the engine (5xx), nothing of its insides, problems in their own shape, and no status that the
 * document does not name for the operation that it came from.
 */
export function wrongWith(request: HostileRequest, answer: { readonly status: number; readonly type: string; readonly text: string }, document: DocumentedPaths): string | undefined {
  const { status, type, text } = answer;
  if (status >= 500) return `status ${status}: ${text.slice(0, 300)}`;
  if (INSIDES.test(text)) return `insides: ${text.slice(0, 300)}`;
  if (status < 400) return undefined;
  if (request.method === "HEAD") return text === "" ? undefined : "a body for HEAD";
  // A hostile id can end the path early, where a page for people stands.
  if (type.startsWith("text/html") && text.startsWith("<!doctype html>") && request.method === "GET") return undefined;
  // A changed path may lead to a page, whose refusals are pages.
  if (type.startsWith("text/html") && !reaches(request)) return undefined;
  if (!type.startsWith("application/problem+json")) return `status ${status} as ${type}`;
  const problem = problemSchema.safeParse(JSON.parse(text));
  if (!problem.success || problem.data.status !== status) return `no problem of ${status}: ${text.slice(0, 300)}`;
  // A changed path may lead to another operation, which may answer what this one may not.
  const documented = reaches(request) ? document.paths[request.template]?.[request.method.toLowerCase()] : undefined;
  if (documented !== undefined && status !== 404 && status !== 405 && documented.responses[status] === undefined) return `status ${status} is not documented: ${text.slice(0, 300)}`;
  return undefined;
}
