import type { PolicySimulateAnswer } from "../../contracts/policy-api.ts";
import type { OffPolicyEvaluation } from "../../pricing/off-policy/evaluate.ts";
import type { PolicyComparison } from "../../pricing/policies/policy-comparison.ts";

function offPolicyAnswer({ draws, clusters, effective_draws, effective_clusters, mean_weight, refusal, estimates }: OffPolicyEvaluation): PolicySimulateAnswer["off_policy"]["tokens"] {
  const plain = <E extends { value: number; se: number; ci95: readonly [number, number] }>({ value, se, ci95 }: E): { value: number; se: number; ci95: [number, number] } => ({ value, se, ci95: [...ci95] });
  return {
    draws,
    courses: clusters,
    effective_draws,
    effective_courses: effective_clusters,
    mean_weight,
    refusal: refusal ?? null,
    per_view:
      estimates === undefined
        ? null
        : {
            logged: plain(estimates.logged),
            ips: estimates.ips,
            snips: plain(estimates.snips),
            doubly_robust: plain(estimates.doubly_robust),
            uplift_snips: plain(estimates.uplift_snips),
            uplift_doubly_robust: plain(estimates.uplift_doubly_robust),
          },
  };
}

const refusals: Readonly<Record<NonNullable<OffPolicyEvaluation["refusal"]>, string>> = {
  no_draws: "no price of this traffic was drawn at random, so nothing is known of other prices: let a policy explore",
  few_draws: "the candidate's prices were hardly ever drawn",
  few_clusters: "too few courses carry the evidence",
  weights_off: "the candidate's prices could not have been drawn as the log says",
};

function changePct(to: number, from: number): number | null {
  return from > 0 ? (to / from - 1) * 100 : null;
}

function verdictOf({ refusal, estimates }: OffPolicyEvaluation): PolicySimulateAnswer["verdict"] {
  if (refusal !== undefined || estimates === undefined) return "refused";
  const [low, high] = estimates.uplift_doubly_robust.ci95;
  return low > 0 ? "better" : high < 0 ? "worse" : "unclear";
}

/** What POST /policies/simulate answers: figures side by side, a verdict where the evidence carries one, and a sentence. */
export function simulationAnswer(comparison: PolicyComparison, { version, today, traffic }: { version: string; today: string; traffic: PolicySimulateAnswer["traffic"] }): PolicySimulateAnswer {
  const { tokens, enrollments } = comparison.off_policy;
  const verdict = verdictOf(tokens);
  const model = { tokens_change_pct: changePct(comparison.candidate.expected_tokens, comparison.today.expected_tokens), enrollments_change_pct: changePct(comparison.candidate.expected_enrollments, comparison.today.expected_enrollments) };
  const expected = model.tokens_change_pct === null ? "There is no traffic to expect anything of" : `By the model the candidate brings ${model.tokens_change_pct >= 0 ? "+" : ""}${model.tokens_change_pct.toFixed(1)} % tokens`;
  const shown = {
    better: "the logged draws show it to earn more than what was shown",
    worse: "the logged draws show it to earn less than what was shown",
    unclear: "the logged draws cannot tell it from what was shown",
    refused: `the log allows no verdict: ${refusals[tokens.refusal ?? "few_draws"]}`,
  }[verdict];
  return {
    version,
    traffic,
    weighted_by: comparison.weighted_by,
    different: comparison.different,
    today: { version: today, ...comparison.today, guardrails: { ...comparison.today.guardrails } },
    candidate: { version, ...comparison.candidate, guardrails: { ...comparison.candidate.guardrails } },
    model,
    drawn_share: comparison.drawn_share,
    off_policy: { tokens: offPolicyAnswer(tokens), enrollments: offPolicyAnswer(enrollments) },
    verdict,
    reasoning: `${expected}; ${shown}.`,
  };
}
