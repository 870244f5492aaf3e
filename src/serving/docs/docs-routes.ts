import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Context } from "hono";
import { z } from "zod";
import { validatedJson } from "../etag.ts";
import { SAFE_HEADERS } from "../headers.ts";
import { ProblemError } from "../problem.ts";
import type { Route, RouteDefinition } from "../route.ts";
import { openApiDocument } from "./openapi.ts";

/** Of the package `swagger-ui-dist`, served from where it is installed: nothing is fetched from anywhere else. */
const assets: ReadonlyMap<string, string> = new Map([
  ["swagger-ui-bundle.js", "text/javascript; charset=utf-8"],
  ["swagger-ui.css", "text/css; charset=utf-8"],
]);

const SETUP = 'window.ui = SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, docExpansion: "list", displayRequestDuration: true, tryItOutEnabled: true });\n';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<noscript>The page needs JavaScript; <a href="/openapi.json">the document itself</a> does not.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/setup.js"></script>
</body>
</html>
`;

/** Scripts and requests to this server alone. The page's own styles are written into attributes. */
const CONTENT_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const kept = { ...SAFE_HEADERS, "cache-control": "public, max-age=3600" };

async function asset(context: Context): Promise<Response> {
  const name = context.req.param("file") ?? "";
  if (name === "setup.js") return new Response(SETUP, { headers: { ...kept, "content-type": "text/javascript; charset=utf-8" } });
  const type = assets.get(name);
  if (type === undefined) throw new ProblemError("not_found", "There is no such file.");
  const bytes = await readFile(createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`));
  return new Response(bytes, { headers: { ...kept, "content-type": type } });
}

/** `definitions` may grow until the first call. */
export function registerDocs(route: Route, definitions: readonly RouteDefinition[], version: string): void {
  let text: string | undefined;
  route({ method: "GET", path: "/openapi.json", role: "public", summary: "this API as an OpenAPI 3.1 document", answer: z.object({ openapi: z.string() }).loose(), cacheable: true }, (context) => {
    text ??= JSON.stringify(openApiDocument(definitions, { version }));
    return validatedJson(context, text, text);
  });
  route({ method: "GET", path: "/docs", role: "public", summary: "the API to read and to try, as a page", answer: { type: "text/html" } }, () => new Response(page, { headers: { ...SAFE_HEADERS, "content-type": "text/html; charset=utf-8", "content-security-policy": CONTENT_POLICY } }));
  route(
    { method: "GET", path: "/docs/:file", role: "public", summary: "scripts and styles of that page", params: z.object({ file: z.enum(["setup.js", ...assets.keys()]) }), answer: { type: "*/*" }, example: { params: { file: "swagger-ui.css" } } },
    asset,
  );
}
