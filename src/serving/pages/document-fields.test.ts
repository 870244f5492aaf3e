import { expect, test } from "vitest";
import { z } from "zod";
import { policySchema } from "../../contracts/policy.ts";
import { fieldShapes } from "./document-fields.ts";

const shapes = fieldShapes(policySchema);

test("fields have the limits, defaults and choices of the schema that reads the document", () => {
  expect(shapes("floor_tokens")).toEqual({ kind: "number", whole: true, min: 1, max: 1_000_000_000, otherwise: "1" });
  expect(shapes("step_log_max")).toEqual({ kind: "number", whole: false, min: 0, max: 2, otherwise: "0.1" });
  expect(shapes("objective")).toEqual({ kind: "choice", options: ["revenue", "enrollments", "margin"], otherwise: "revenue" });
  expect(shapes("respect_teacher_band")).toEqual({ kind: "flag", otherwise: "true" });
  expect(shapes("scope.categories")).toEqual({ kind: "list" });
  expect(shapes("personalisation.budget.global_tokens")).toMatchObject({ kind: "number", otherwise: "10000" });
  expect(shapes("schedule.from", "time")).toEqual({ kind: "time" });
});

test("fields of variants are found in whichever has them", () => {
  expect(shapes("exploration.kind", "variant")).toEqual({ kind: "variant", options: ["none", "jitter", "thompson"], otherwise: "none" });
  expect(shapes("rounding.kind", "variant")).toEqual({ kind: "variant", options: ["whole", "charm", "multiple"], otherwise: "whole" });
  expect(shapes("exploration.sigma")).toMatchObject({ kind: "number", min: 0.001, max: 0.5 });
  expect(shapes("rounding.endings")).toEqual({ kind: "numbers" });
});

test("a row's fields are those of the list's objects; a field that is not there is told at once", () => {
  const rows = fieldShapes(z.object({ arms: z.array(z.object({ weight: z.number().min(1) })) }));
  expect(rows("arms.*.weight")).toEqual({ kind: "number", whole: false, min: 1 });
  expect(() => rows("arms.*.height")).toThrow("the schema has no field arms.*.height");
  expect(() => shapes("floor")).toThrow("the schema has no field floor");
});
