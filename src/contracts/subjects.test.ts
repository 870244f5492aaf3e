import { expect, test } from "vitest";
import * as subjects from "./subjects.ts";

/** Whether a filter of the broker's takes a subject: `>` is one name or more. */
function takes(filter: string, subject: string): boolean {
  const [names, given] = [filter.split("."), subject.split(".")];
  return names.every((name, i) => (name === ">" ? given.length > i : name === given[i])) && (names.at(-1) === ">" || names.length === given.length);
}

const makers = Object.entries(subjects).flatMap(([name, value]): [string, string][] => {
  if (name.endsWith("_SUBJECT")) return [[name, String(value)]];
  if (typeof value !== "function" || !name.endsWith("Subject") || name === "eventSubject") return [];
  return [[name, String((value as (...parts: readonly string[]) => string)("learner", "B"))]];
});

test.each(makers)("%s: exactly one stream keeps %s", (_, subject) => {
  const keeping = Object.entries(subjects.streamSubjects).filter(([, filters]) => filters.some((filter) => takes(filter, subject)));
  expect(keeping.map(([stream]) => stream)).toHaveLength(1);
});

test("there are such subjects", () => expect(makers.length).toBeGreaterThan(10));
