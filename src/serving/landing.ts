import { htmlHeaders, jsonHeaders } from "./headers.ts";
import { platformPages } from "./pages/platform-pages.ts";
import type { Handler, RouteDefinition } from "./route.ts";

const pages = platformPages.map(({ path, label, shows }) => ({ path, label, shows }));

const description = "Tidemark prices courses in tokens from a stream of enrollments: features are folded as events arrive, and the next price already reflects them.";

/** A path as documents write it: `/courses/{id}`. */
export function templateOf(path: string): string {
  return path.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, "{$1}");
}

function rowsOf(definitions: readonly RouteDefinition[]): string {
  return definitions
    .map(({ method, path, summary }) => {
      const template = templateOf(path);
      const name = method === "GET" && template === path ? `<a href="${path}">${path}</a>` : template;
      return `<tr><td class="m">${method}</td><td><code>${name}</code></td><td>${summary}</td></tr>`;
    })
    .join("\n");
}

const cards = pages.map(({ path, label, shows }) => `<li><a href="${path}"><strong>${label}</strong><span>${shows}</span></a></li>`).join("\n");

/** `origin` is the request's own, as the URL parser wrote it: it holds nothing that HTML or a shell would read. */
const page = (origin: string, rows: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark</title>
<style>
:root { color-scheme: light dark; --line: #8884; --accent: light-dark(#0b6e69, #5fd0c5); }
body { background: light-dark(#f4f7f7, #0d1315); color: light-dark(#122023, #e7eff0); font: 16px/1.55 system-ui, sans-serif; max-width: 52rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 2rem; letter-spacing: -.02em; margin: 0; }
h1::after { content: ""; display: block; width: 3rem; border-bottom: 4px solid var(--accent); margin-top: .4rem; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .5rem .75rem .5rem 0; vertical-align: top; }
td code { overflow-wrap: anywhere; }
td.m { color: var(--accent); font: 600 .8rem ui-monospace, monospace; padding-top: .7rem; }
code, pre { font: .9rem/1.5 ui-monospace, monospace; }
pre { border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 4px; padding: .9rem 1rem; overflow-x: auto; }
a { color: inherit; }
.pages { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .75rem; list-style: none; margin: 1.4rem 0 0; padding: 0; }
.pages a { display: block; height: 100%; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 10px; text-decoration: none; }
.pages a:hover, .pages a:focus-visible { border-color: var(--accent); outline: none; }
.pages strong { display: block; color: var(--accent); }
.pages span { font-size: .9rem; opacity: .8; }
</style>
</head>
<body>
<h1>Tidemark</h1>
<p>${description}</p>
<ul class="pages">
${cards}
</ul>
<h2>Try it</h2>
<pre tabindex="0">curl -s ${origin}/optimize_price \\
  -H 'content-type: application/json' \\
  -d '{"course_id":"C00001"}'</pre>
<h2>Endpoints</h2>
<table>
${rows}
</table>
<p>Errors are <code>application/problem+json</code>: a stable <code>code</code>, and the <code>field</code> at fault.</p>
</body>
</html>
`;

/** GET /: a page for people, the same list as JSON for programs that accept JSON. `definitions` may grow until the first call. */
export function landingOf(definitions: readonly RouteDefinition[]): Handler {
  let rows: string | undefined;
  return (context) => {
    const accept = context.req.header("accept") ?? "";
    if (accept.includes("application/json") && !accept.includes("text/html")) {
      const endpoints = definitions.map(({ method, path, summary }) => ({ method, path: templateOf(path), answers: summary }));
      return new Response(JSON.stringify({ name: "tidemark", description, pages, endpoints }), { headers: { ...jsonHeaders, vary: "accept" } });
    }
    rows ??= rowsOf(definitions);
    const { origin } = new URL(context.req.url);
    return new Response(page(origin.replaceAll(/[^\w.:/[\]-]/g, ""), rows), { headers: htmlHeaders });
  };
}
