import * as fc from "fast-check";
import { expect, test } from "vitest";
import { setAt, valueAt } from "./json-path.ts";

const name = fc.constantFrom("a", "b", "c", "__proto__x", "constructor");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("."));
const leaf = fc.oneof(fc.integer(), fc.string(), fc.array(fc.integer(), { maxLength: 3 }));

test("what is put at a path is found there, and leaves nothing behind when it is taken away", () => {
  fc.assert(
    fc.property(path, leaf, (at, value) => {
      const document = {};
      setAt(document, at, value);
      expect(valueAt(document, at)).toEqual(value);
      setAt(document, at, undefined);
      expect(document).toEqual({});
    }),
  );
});

test("what stands beside a path stays", () => {
  const document = { personalisation: { enabled: true, budget: { global_tokens: 5 } }, floor_tokens: 3 };
  setAt(document, "personalisation.budget.global_tokens", undefined);
  expect(document).toEqual({ personalisation: { enabled: true }, floor_tokens: 3 });
  setAt(document, "floor_tokens.of", 1);
  expect(document).toEqual({ personalisation: { enabled: true }, floor_tokens: { of: 1 } });
  expect(valueAt(document, "toString")).toBeUndefined();
});
