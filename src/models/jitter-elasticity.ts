import type { Artifact, CourseElasticity, ElasticityEstimate } from "../contracts/artifact.ts";
import type { PriceTrial } from "../features/price-trial.ts";
import { CourseEvidence } from "./course-evidence.ts";
import { Hierarchy, type MemberMoments } from "./hierarchy.ts";

export type ElasticityReport = Artifact["elasticity"];

/** Without usable jitter this is all that is known: demand falls with price, a little more than in proportion. */
const PRIOR = { value: -1.5, se: 0.6 };
/** Spread of elasticities that is assumed until the data say otherwise. */
const SPREAD_PRIOR = 0.3;
/** A common elasticity known no better than this is not known. */
const SE_MAX = 1;
/** A category whose value is the common one to this extent has nothing of its own to say. */
const COMMON_SHARE_MAX = 0.95;
/** A course whose own sales weigh less in its estimate is left to its category. */
const OWN_SHARE_MIN = 0.01;
/** Courses with an estimate of their own: those whose sales say most. */
export const COURSES_MAX = 50_000;

const PASSES_MAX = 30;
const STEP_MAX = 1;
const TOLERANCE = 1e-3;

interface Settled {
  readonly hierarchy: Hierarchy;
  readonly members: MemberMoments;
}

/** Fits the hierarchy to the courses' evidence, expanded at what the fit says of them; undefined when there is none or it does not settle. */
function settle(evidence: CourseEvidence, group: Int32Array, groups: number): Settled | undefined {
  for (let pass = 0; pass < PASSES_MAX && evidence.any; pass++) {
    const hierarchy = new Hierarchy(evidence.gaussian, group, groups);
    const members = hierarchy.members(evidence.gaussian, group);
    if (!evidence.moveTo(members.mean, STEP_MAX, TOLERANCE)) return { hierarchy, members };
  }
  return undefined;
}

function salesByGroup(sales: Float64Array, group: Int32Array, groups: number): Float64Array {
  const sums = new Float64Array(groups);
  for (const [c, sold] of sales.entries()) sums[group[c]!]! += sold;
  return sums;
}

function notIdentified(categories: readonly string[], sales: Float64Array): ElasticityReport {
  const unknown = (sold: number): ElasticityEstimate => ({ ...PRIOR, sales: sold, identified: false, source: "prior" });
  return {
    global: unknown(sales.reduce((sum, sold) => sum + sold, 0)),
    tau_category: SPREAD_PRIOR,
    tau_course: SPREAD_PRIOR,
    categories: Object.fromEntries(categories.map((category, k) => [category, unknown(sales[k]!)])),
    courses: {},
  };
}

const fourDecimals = (value: number): number => Math.round(value * 1e4) / 1e4;

/**
 * The causal elasticity of enrollments per exposure, d log q / d log p, from the random part of prices alone, by course, category and platform: each
 * course's sales over its price draws, given their total (evidenceAt), in a hierarchy whose spreads are integrated out. Level, season, quality and
 * whatever the price setter chases drop out or are independent of the jitter. Without usable jitter: the prior, `identified` false.
 */
export function estimateElasticity(trials: readonly PriceTrial[]): ElasticityReport {
  const categories = [...new Set(trials.map(({ category }) => category))];
  const position = new Map(categories.map((category, k) => [category, k]));
  const group = Int32Array.from(trials, ({ category }) => position.get(category)!);
  const evidence = new CourseEvidence(trials, PRIOR.value);
  const sales = salesByGroup(evidence.sales, group, categories.length);
  const settled = settle(evidence, group, categories.length);
  if (settled === undefined || !(settled.hierarchy.mean.variance <= SE_MAX ** 2)) return notIdentified(categories, sales);

  const { hierarchy, members } = settled;
  const estimates = categories.map((_, k): ElasticityEstimate => {
    const share = hierarchy.group_share[k]!;
    return { value: hierarchy.groups.mean[k]!, se: Math.sqrt(hierarchy.groups.variance[k]!), sales: sales[k]!, identified: share <= COMMON_SHARE_MAX, source: share > 0.5 ? "global" : "category" };
  });
  const before = hierarchy.members(evidence.beyondCells(), group);
  const courses = ownEstimates(members).map((c): [string, CourseElasticity] => {
    const { source, identified } = estimates[group[c]!]!;
    return [
      trials[c]!.course_id,
      {
        value: fourDecimals(members.mean[c]!),
        se: fourDecimals(Math.sqrt(members.variance[c]!)),
        sales: evidence.sales[c]!,
        identified,
        source: members.own_share[c]! > 0.5 ? "course" : source,
        prior: { value: fourDecimals(before.mean[c]!), se: fourDecimals(Math.sqrt(before.variance[c]!)) },
      },
    ];
  });
  return {
    global: { value: hierarchy.mean.value, se: Math.sqrt(hierarchy.mean.variance), sales: sales.reduce((sum, sold) => sum + sold, 0), identified: true, source: "global" },
    tau_category: hierarchy.group_spread,
    tau_course: hierarchy.member_spread,
    categories: Object.fromEntries(categories.map((category, k) => [category, estimates[k]!])),
    courses: Object.fromEntries(courses),
  };
}

/** The courses that get an estimate of their own. */
function ownEstimates({ own_share }: MemberMoments): number[] {
  const candidates = [...own_share.keys()].filter((c) => own_share[c]! >= OWN_SHARE_MIN);
  if (candidates.length <= COURSES_MAX) return candidates;
  return candidates.toSorted((a, b) => own_share[b]! - own_share[a]! || a - b).slice(0, COURSES_MAX);
}
