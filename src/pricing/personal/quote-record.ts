import { hash } from "node:crypto";
import { type PersonalInputs, type PersonalizedAnswer, type PersonalRecord, personalRecordSchema, type QuoteTerms } from "../../contracts/quote.ts";
import { PERSONAL_QUOTE_PREFIX } from "../../contracts/subjects.ts";
import { type PersonalContext, personalAnswer } from "./personal-answer.ts";
import { type PersonalPrice, personalPrice } from "./personal-price.ts";
import { type QuoteKeys, signQuote } from "./quote-signature.ts";

/** Everything about a decision that is no part of its promise. */
export type PersonalDecision = Pick<PersonalRecord, "inputs" | "groups" | "experiments" | "probability" | "policy_version" | "model" | "propensity_model" | "decision_id" | "course_sequence" | "learner_sequence" | "degraded">;

export interface PromiseTimes {
  readonly issued_ms: number;
  readonly expires_ms: number;
  readonly locked_ms: number;
}

/** `nonce`: of two quotes that are alike otherwise, each has an id of its own. */
function quoteIdOf(who: Pick<QuoteTerms, "learner_id" | "course_id">, issued_ms: number, nonce: string): string {
  return PERSONAL_QUOTE_PREFIX + hash("sha256", `${who.learner_id}|${who.course_id}|${issued_ms}|${nonce}`, "base64url").slice(0, 24);
}

export interface IssuedQuote {
  readonly record: PersonalRecord;
  /** JSON of the answer, and of the record that holds it. */
  readonly answer_json: string;
  readonly record_json: string;
}

export interface IssueOptions {
  /** The price of the decision's inputs, where it is known. */
  readonly found?: PersonalPrice;
  /** The quote whose price this one goes on with. */
  readonly renews?: string;
}

/** Makes the promise of a decision, signs it and writes down both. */
export function issueQuote(decision: PersonalDecision, who: Pick<QuoteTerms, "learner_id" | "course_id">, times: PromiseTimes, keys: QuoteKeys, nonce: string, { found = personalPrice(decision.inputs), renews }: IssueOptions = {}): IssuedQuote {
  const terms: QuoteTerms = { quote_id: quoteIdOf(who, times.issued_ms, nonce), learner_id: who.learner_id, course_id: who.course_id, price: found.price, ...times };
  const signature = signQuote(terms, keys);
  const answer = personalAnswer(decision.inputs, who, decision, { terms, signature }, found);
  const answer_json = JSON.stringify(answer);
  // A renewal promises again what was paid for once.
  const record: Omit<PersonalRecord, "answer"> = { kind: "personal", terms, signature, renews: renews ?? null, charged_milli: renews === undefined ? found.discount_milli : 0, ...decision };
  // The answer's text goes in as it is given.
  return { record: { ...record, answer }, answer_json, record_json: `${JSON.stringify(record).slice(0, -1)},"answer":${answer_json}}` };
}

/** Decides a recorded quote again from its inputs alone. `identical`: the answer comes out byte for byte as it was given. Throws ZodError when it is no record. */
export function replayQuote(text: string): { readonly record: PersonalRecord; readonly identical: boolean; readonly answer: PersonalizedAnswer } {
  const raw = JSON.parse(text) as { answer?: unknown };
  const record = personalRecordSchema.parse(raw);
  const { inputs, terms, signature } = record;
  const answer = personalAnswer(inputs, terms, record, { terms, signature });
  return { record, identical: JSON.stringify(answer) === JSON.stringify(raw.answer) && personalPrice(inputs).price === terms.price, answer };
}

export type { PersonalContext, PersonalInputs };
