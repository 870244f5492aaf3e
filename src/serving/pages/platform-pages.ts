import type { NavigationItem } from "./layout.tsx";

/** The pages of whoever sees the whole platform, in order; `shows` is for the list at GET /. */
export const platformPages = [
  { place: "portfolio", path: "/admin", label: "Portfolio", shows: "revenue, conversion, tokens, churn, categories, learners" },
  { place: "prices", path: "/admin/prices", label: "Prices", shows: "every course, what it should cost, and why" },
  { place: "models", path: "/admin/models", label: "Models", shows: "champion and candidates, calibration, drift, health" },
  { place: "experiments", path: "/admin/experiments", label: "Experiments", shows: "what is compared, results as they come, guardrails" },
  { place: "policies", path: "/admin/policies", label: "Policies", shows: "what prices may do: drafts, differences, activation, history" },
  { place: "operations", path: "/admin/operations", label: "Operations", shows: "event lag, freshness, throughput, dead letters" },
  { place: "teacher", path: "/teacher", label: "Teachers", shows: "a teacher's courses: recommendations, forecasts, quality" },
  { place: "learner", path: "/learner", label: "Learners", shows: "a learner's courses, tokens, and all that is known of them" },
] as const satisfies readonly (NavigationItem & { readonly shows: string })[];
