import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { QuoteTerms } from "../../contracts/quote.ts";
import { type QuoteKeys, signQuote, verifyQuote } from "./quote-signature.ts";

const key = (id: string, byte: number): { id: string; secret: Uint8Array } => ({ id, secret: new Uint8Array(32).fill(byte) });
const [old, current]: [QuoteKeys, QuoteKeys] = [[key("k1", 1)], [key("k2", 2), key("k1", 1)]];
const terms: QuoteTerms = { quote_id: "q_1", learner_id: "L1", course_id: "C1", price: 90, issued_ms: 1, expires_ms: 2, locked_ms: 3 };

test("a signature holds for its own terms and nothing else", () => {
  const signature = signQuote(terms, current);
  expect(signature.startsWith("k2.")).toBe(true);
  expect(verifyQuote(terms, signature, current)).toBe(true);
  for (const change of [{ quote_id: "q_2" }, { learner_id: "L2" }, { course_id: "C2" }, { price: 89 }, { issued_ms: 2 }, { expires_ms: 3 }, { locked_ms: 4 }]) expect(verifyQuote({ ...terms, ...change }, signature, current)).toBe(false);
  // Fields that would run into one another without a separator.
  expect(signQuote({ ...terms, learner_id: "L1C", course_id: "1" }, current)).not.toBe(signature);
});

test("a key that was replaced still verifies until it is taken out", () => {
  const signature = signQuote(terms, old);
  expect(verifyQuote(terms, signature, current)).toBe(true);
  expect(verifyQuote(terms, signature, [key("k2", 2)])).toBe(false);
  expect(verifyQuote(terms, signature, [key("k1", 9)])).toBe(false);
});

test("no other text is a signature", () => {
  const signature = signQuote(terms, current);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.nat(signature.length - 1).map((at) => signature.slice(0, at)), fc.tuple(fc.nat(signature.length - 1), fc.constantFrom("A", "z", "=", ".")).map(([at, letter]) => signature.slice(0, at) + letter + signature.slice(at + 1))), (text) => {
      expect(verifyQuote(terms, text, current)).toBe(text === signature);
    }),
    { numRuns: 500 },
  );
});
