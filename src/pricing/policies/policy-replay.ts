import type { DecisionRecord } from "../../contracts/decision.ts";
import type { Policy } from "../../contracts/policy.ts";
import type { TeacherBand } from "../../features/teacher-band.ts";
import { must } from "../../lib/assert.ts";
import { decodeDoubles } from "../../lib/doubles.ts";
import type { CompiledModel } from "../../models/compiled.ts";
import { probabilityOf } from "../exploration.ts";
import { priceCourse, type PriceOutcome } from "../price-course.ts";
import { termsFor } from "../price-terms.ts";
import { conversionAt } from "../quadrature.ts";
import { memberFrom } from "../rounding.ts";

/** Prices of a draw that an expectation is taken over; of more, as many evenly spaced ones. */
const EXPECTED_PRICES_MAX = 48;

/** What a policy does with a logged decision's inputs, and what the model expects of a view then. */
export interface PolicyEffect {
  readonly price: number;
  readonly binding: readonly string[];
  /** Probability of the price that was shown. */
  readonly shown_probability: number;
  /** Over the prices that it draws from: enrollments and tokens a view. */
  readonly enrollments_per_view: number;
  readonly tokens_per_view: number;
}

/** A logged decision under two policies: that of today, and the candidate. */
export interface ReplayedDecision {
  readonly current_price: number;
  readonly shown_price: number;
  /** Probability with which the shown price was drawn; undefined: it was not drawn, so nothing is known of other prices. */
  readonly logged_probability: number | undefined;
  readonly today: PolicyEffect;
  readonly candidate: PolicyEffect;
  /** What the model expects of a view at the shown price. */
  readonly shown_enrollments_per_view: number;
}

export interface ReplayContext {
  /** One model for both: what differs is the policy. */
  readonly model: CompiledModel | null;
  readonly today: Policy;
  readonly candidate: Policy;
  /** What the course's teacher allows. */
  readonly band: TeacherBand;
}

function repriced({ inputs }: DecisionRecord, { model, band }: ReplayContext, policy: Policy): PriceOutcome {
  const vector = (text: string): Float64Array => must(decodeDoubles(text), "the schema has checked it");
  const { course_id, category } = inputs;
  return priceCourse(
    {
      ...inputs,
      features: vector(inputs.features),
      cells: vector(inputs.cells),
      jitter_cells: vector(inputs.jitter_cells),
      objective: policy.objective,
      terms: termsFor(policy, course_id, category, band),
      model_digest: model?.digest ?? null,
      policy_version: policy.version,
    },
    model,
    policy,
  );
}

function conversion({ posterior, inputs }: PriceOutcome, price: number): number {
  return conversionAt(posterior.nodes, Math.log(price / inputs.current_price)).mean;
}

function effectOf(outcome: PriceOutcome, shown_price: number): PolicyEffect {
  const { optimal_price: price, binding, draw } = outcome;
  if (draw === undefined) {
    const enrollments_per_view = conversion(outcome, price);
    return { price, binding, shown_probability: price === shown_price ? 1 : 0, enrollments_per_view, tokens_per_view: price * enrollments_per_view };
  }
  const prices: number[] = [];
  for (let member = memberFrom(draw.rounding, draw.min); member <= draw.max; member = memberFrom(draw.rounding, member + 1)) prices.push(member);
  const stride = Math.ceil(prices.length / EXPECTED_PRICES_MAX);
  let mass = 0;
  let enrollments = 0;
  let tokens = 0;
  const add = (price: number, alike: number): void => {
    const probability = alike * probabilityOf(draw, price);
    const expected = probability * conversion(outcome, price);
    mass += probability;
    enrollments += expected;
    tokens += expected * price;
  };
  // What guardrails cut off gathers at the ends: they stand for themselves alone.
  if (prices.length > 0) add(prices[0]!, 1);
  if (prices.length > 1) add(prices.at(-1)!, 1);
  for (let i = 1; i < prices.length - 1; i += stride) add(prices[Math.min(prices.length - 2, i + (stride >> 1))]!, Math.min(stride, prices.length - 1 - i));
  return { price, binding, shown_probability: probabilityOf(draw, shown_price), enrollments_per_view: mass > 0 ? enrollments / mass : conversion(outcome, price), tokens_per_view: mass > 0 ? tokens / mass : price * conversion(outcome, price) };
}

/**
 * Prices a logged decision anew under both policies, from its own inputs, with one model: one step from where the course stood then. What the step would have led to
 * afterwards no log can say.
 */
export function replayUnder(record: DecisionRecord, context: ReplayContext): ReplayedDecision {
  const today = repriced(record, context, context.today);
  const candidate = repriced(record, context, context.candidate);
  const shown_price = record.optimal_price;
  const logged_probability = record.exploration === undefined || record.exploration.probability === 0 ? undefined : record.exploration.probability;
  return { current_price: record.inputs.current_price, shown_price, logged_probability, today: effectOf(today, shown_price), candidate: effectOf(candidate, shown_price), shown_enrollments_per_view: conversion(today, shown_price) };
}
