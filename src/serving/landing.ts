import type { Context } from "hono";
import { htmlHeaders, jsonHeaders } from "./headers.ts";

const endpoints = [
  { method: "POST", path: "/optimize_price", answers: "the best price of a course, its expected effect and every step that led to it" },
  { method: "POST", path: "/predict_enrollments", answers: "enrollments and revenue at up to 100 prices, with intervals" },
  { method: "POST", path: "/events", answers: "a verdict on each of up to 1,000 events, once those that are valid are stored" },
  { method: "GET", path: "/model_info", answers: "the model in service and the candidates it beat; ?family=propensity: those that score learners" },
  { method: "GET", path: "/categories", answers: "every category: elasticity with its interval, prices, competitor's price, enrollments, revenue, conversion, trend" },
  { method: "GET", path: "/courses", answers: "courses page by page, filtered and sorted; /courses/{id}: features, price history, demand curve, recommendation" },
  { method: "GET", path: "/segments", answers: "learners from hot to dormant: how many, what they are like, who moved in the last days" },
  { method: "GET", path: "/learner/{id}/propensity", answers: "five scores of a learner with intervals and reasons, segment, risk, priority, and what to do" },
  { method: "GET", path: "/learner/{id}/recommendations", answers: "the courses that the learner is expected to bring most tokens with, at their prices" },
  { method: "POST", path: "/propensity_batch", answers: "the scores of up to 500 learners" },
  { method: "GET", path: "/features", answers: "every feature: unit, meaning, events, window; /features/{entity}/{id} gives the values now" },
  { method: "GET", path: "/health", answers: "what runs, what it knows and how fresh it is" },
  { method: "GET", path: "/readyz", answers: "200 while prices can be answered" },
  { method: "GET", path: "/livez", answers: "200 while the process runs" },
  { method: "GET", path: "/metrics", answers: "figures for Prometheus" },
] as const;

const pages = [
  { path: "/admin", label: "Portfolio", shows: "revenue, conversion, tokens, churn, categories, learners" },
  { path: "/admin/prices", label: "Prices", shows: "every course, what it should cost, and why" },
  { path: "/admin/models", label: "Models", shows: "champion and candidates, calibration, drift, health" },
  { path: "/admin/operations", label: "Operations", shows: "event lag, freshness, throughput, dead letters" },
  { path: "/teacher", label: "Teachers", shows: "a teacher's courses: recommendations, forecasts, quality" },
  { path: "/learner", label: "Learners", shows: "a learner's courses, tokens, and all that is known of them" },
] as const;

const description = "Tidemark prices courses in tokens from a stream of enrollments: features are folded as events arrive, and the next price already reflects them.";

const json = JSON.stringify({ name: "tidemark", description, pages, endpoints });

const rows = endpoints
  .map(({ method, path, answers }) => {
    const name = method === "GET" && !path.includes("{") ? `<a href="${path}">${path}</a>` : path;
    return `<tr><td class="m">${method}</td><td><code>${name}</code></td><td>${answers}</td></tr>`;
  })
  .join("\n");

const cards = pages.map(({ path, label, shows }) => `<li><a href="${path}"><strong>${label}</strong><span>${shows}</span></a></li>`).join("\n");

/** `origin` is the request's own, as the URL parser wrote it: it holds nothing that HTML or a shell would read. */
const page = (origin: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark</title>
<style>
:root { color-scheme: light dark; --line: #8884; --accent: light-dark(#0b6e69, #5fd0c5); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 52rem; margin: 3rem auto; padding: 0 1.25rem; }
h1 { font-size: 2rem; letter-spacing: -.02em; margin: 0; }
h1::after { content: ""; display: block; width: 3rem; border-bottom: 4px solid var(--accent); margin-top: .4rem; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem; }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .5rem .75rem .5rem 0; vertical-align: top; }
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
<pre>curl -s ${origin}/optimize_price \\
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

/** GET /: a page for people, the same list as JSON for programs that accept JSON. */
export function landing(context: Context): Response {
  const accept = context.req.header("accept") ?? "";
  if (accept.includes("application/json") && !accept.includes("text/html")) {
    return new Response(json, { headers: { ...jsonHeaders, vary: "accept" } });
  }
  const { origin } = new URL(context.req.url);
  return new Response(page(origin.replaceAll(/[^\w.:/[\]-]/g, "")), { headers: htmlHeaders });
}
