import { evaluateOffPolicy, type OffPolicyEvaluation } from "../off-policy/evaluate.ts";
import type { LoggedDraw } from "../off-policy/logged-draw.ts";
import type { PolicyEffect, ReplayedDecision } from "./policy-replay.ts";

/** What learners did with a logged decision: those who saw its price, and those who bought. */
export interface Outcome {
  views: number;
  enrollments: number;
  tokens: number;
}

export interface ComparedDecision extends Outcome {
  readonly course_id: string;
  /** Which draw of the course the price came from. */
  readonly draw: string;
  readonly replayed: ReplayedDecision;
}

/** Of all decisions, under one policy. */
export interface PolicyFigures {
  /** By what a list price would become: up, down, or the same. */
  readonly raised: number;
  readonly lowered: number;
  readonly unchanged: number;
  /** How often each guardrail changed a price. */
  readonly guardrails: Readonly<Record<string, number>>;
  /** What the model expects of the views that were logged; of one view a decision where none was. */
  readonly expected_enrollments: number;
  readonly expected_tokens: number;
}

export interface PolicyComparison {
  readonly decisions: number;
  readonly views: number;
  readonly enrollments: number;
  readonly tokens: number;
  readonly weighted_by: "views" | "decisions";
  /** Decisions that both policies price differently. */
  readonly different: number;
  readonly today: PolicyFigures;
  readonly candidate: PolicyFigures;
  /** Share of the views at prices that were drawn: only they say what other prices bring. */
  readonly drawn_share: number;
  /** The candidate's reward a view, from the draws that were logged. */
  readonly off_policy: { readonly tokens: OffPolicyEvaluation; readonly enrollments: OffPolicyEvaluation };
}

function figures(decisions: readonly ComparedDecision[], by_views: boolean, effect: (replayed: ReplayedDecision) => PolicyEffect): PolicyFigures {
  const found = { raised: 0, lowered: 0, unchanged: 0, expected_enrollments: 0, expected_tokens: 0 };
  const guardrails = new Map<string, number>();
  for (const { replayed, views } of decisions) {
    const { price, binding, enrollments_per_view, tokens_per_view } = effect(replayed);
    if (price > replayed.current_price) found.raised++;
    else if (price < replayed.current_price) found.lowered++;
    else found.unchanged++;
    for (const name of new Set(binding)) guardrails.set(name, (guardrails.get(name) ?? 0) + 1);
    const weight = by_views ? views : 1;
    found.expected_enrollments += weight * enrollments_per_view;
    found.expected_tokens += weight * tokens_per_view;
  }
  return { ...found, guardrails: Object.fromEntries([...guardrails].sort(([a], [b]) => (a < b ? -1 : 1))) };
}

function drawsOf(decisions: readonly ComparedDecision[], reward: "tokens" | "enrollments"): LoggedDraw[] {
  return decisions.flatMap(({ course_id, draw, views, replayed, ...outcome }) => {
    const { logged_probability, candidate, shown_price, shown_enrollments_per_view } = replayed;
    if (logged_probability === undefined || views === 0) return [];
    return {
      cluster: course_id,
      draw,
      views,
      reward: outcome[reward],
      weight: candidate.shown_probability / logged_probability,
      expected_candidate: reward === "tokens" ? candidate.tokens_per_view : candidate.enrollments_per_view,
      expected_logged: shown_enrollments_per_view * (reward === "tokens" ? shown_price : 1),
    };
  });
}

/** Today's policy and a candidate on the same logged decisions: by what the model expects, and by what the logged draws show. */
export function comparePolicies(decisions: readonly ComparedDecision[]): PolicyComparison {
  const total = { views: 0, enrollments: 0, tokens: 0, drawn: 0, different: 0 };
  for (const { views, enrollments, tokens, replayed } of decisions) {
    total.views += views;
    total.enrollments += enrollments;
    total.tokens += tokens;
    if (replayed.logged_probability !== undefined) total.drawn += views;
    if (replayed.today.price !== replayed.candidate.price) total.different++;
  }
  const by_views = total.views > 0;
  return {
    decisions: decisions.length,
    views: total.views,
    enrollments: total.enrollments,
    tokens: total.tokens,
    weighted_by: by_views ? "views" : "decisions",
    different: total.different,
    today: figures(decisions, by_views, ({ today }) => today),
    candidate: figures(decisions, by_views, ({ candidate }) => candidate),
    drawn_share: by_views ? total.drawn / total.views : 0,
    off_policy: { tokens: evaluateOffPolicy(drawsOf(decisions, "tokens")), enrollments: evaluateOffPolicy(drawsOf(decisions, "enrollments")) },
  };
}
