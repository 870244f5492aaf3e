import type { CitationAnswer, CitationVerdict, QuoteAnswer } from "../../contracts/quote.ts";
import type { Citation, KeptQuote } from "../../features/store.ts";
import { formatTime } from "../../lib/time.ts";

/** What an enrollment that cites a quote is to it. The first of these that holds counts. */
export function verdictOf(citation: Citation, quote: KeptQuote | undefined): CitationVerdict {
  if (quote === undefined) return "unknown_quote";
  if (citation.learner_id !== quote.learner_id) return "learner_mismatch";
  if (citation.course_id !== quote.course_id) return "course_mismatch";
  if (citation.price !== quote.price) return "price_mismatch";
  if (citation.time_ms > quote.expires_ms) return "late";
  return citation.repeats > 0 ? "repeated" : "redeemed";
}

/** A quote is redeemed by the first enrollment of its own learner that cites it, once: what follows is a repetition, which the citation counts. */
export function statusOf(quote: KeptQuote, citation: Citation | undefined, now_ms: number): QuoteAnswer["status"] {
  if (citation === undefined) return now_ms > quote.expires_ms ? "expired" : "valid";
  const verdict = verdictOf(citation, quote);
  if (verdict === "redeemed" || verdict === "repeated") return "redeemed";
  return verdict === "late" ? "expired" : "mismatch";
}

export function citationAnswer(citation: Citation, quote: KeptQuote | undefined): CitationAnswer {
  const { quote_id, learner_id, course_id, enrollment_id, price, time_ms, repeats } = citation;
  return { quote_id, learner_id, course_id, enrollment_id, price, enrolled_at: formatTime(time_ms), repeats, verdict: verdictOf(citation, quote) };
}
