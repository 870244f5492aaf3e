import { expect, test } from "vitest";
import { rollbackTarget } from "./registry-actions.ts";
import type { Promotion } from "./model-reader.ts";

const history = (...versions: readonly string[]): Promotion[] =>
  versions.map((version, i) => ({ type: "model.promoted", time: "2026-01-01T00:00:00Z", family: "f", artifact: `f/${version}`, digest: version.repeat(64).slice(0, 64), version, reason: "", sequence: i + 1 }));

test.each([
  ["nothing has served", [], undefined],
  ["only one has", ["a"], undefined],
  ["it was pinned and released since", ["a", "a", "a"], undefined],
  ["another served before", ["a", "b"], "a"],
  ["the present one was pinned", ["a", "b", "b"], "a"],
  ["going back once was not enough", ["a", "b", "c", "b"], "a"],
  ["it was gone back to the first", ["a", "b", "c", "b", "a"], undefined],
  ["a new one came after going back", ["a", "b", "a", "d"], "a"],
])("the model to go back to when %s", (_, versions, target) => {
  expect(rollbackTarget(history(...versions))?.version).toBe(target);
});
