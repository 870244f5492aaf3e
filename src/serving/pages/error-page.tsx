import type { ProblemError } from "../problem.ts";

const headings: Readonly<Record<number, string>> = { 403: "Not for you", 404: "Nothing here", 422: "Nothing here" };

const advice: Partial<Record<string, string>> = {
  unknown_course: "It may be spelled differently, or no event of it has arrived yet.",
  unknown_learner: "It may be spelled differently, or no event of this learner has arrived yet, or the learner was erased.",
  features_unavailable: "The engine opens its store as soon as it is there; this page comes back by itself.",
  forbidden: "Log in with another key to see it.",
  overloaded: "The engine answers prices first; this page comes back by itself.",
};

/** What stands in place of a page that cannot be shown: what happened, and what to do. */
export function ErrorPage({ problem }: { readonly problem: ProblemError }) {
  return (
    <div class="state failed">
      <p class="state-code">{problem.status}</p>
      <h1>{headings[problem.status] ?? "Not available right now"}</h1>
      <p>{problem.message}</p>
      {advice[problem.code] !== undefined && <p class="muted">{advice[problem.code]}</p>}
      <p>
        <a class="button" href="/">
          All pages
        </a>
      </p>
    </div>
  );
}
