import { expect, test } from "vitest";
import { maySee, mustSee, type Subject, type Viewer } from "./access.ts";

const viewers: Readonly<Record<string, Viewer>> = {
  platform: { known: true, keyed: true, platform: true, teacher_id: undefined, learner_id: undefined },
  t1: { known: true, keyed: true, platform: false, teacher_id: "t1", learner_id: undefined },
  l1: { known: true, keyed: true, platform: false, teacher_id: undefined, learner_id: "l1" },
  nobody: { known: true, keyed: true, platform: false, teacher_id: undefined, learner_id: undefined },
};
const subjects: readonly Subject[] = [
  { kind: "platform" },
  { kind: "nobody" },
  { kind: "teacher", id: "t1" },
  { kind: "teacher", id: "t2" },
  { kind: "teacher", id: "l1" },
  { kind: "learner", id: "l1" },
  { kind: "learner", id: "l2" },
  { kind: "learner", id: "t1" },
];

test("a teacher sees one teacher, a learner one learner, and nobody else anything", () => {
  const seen = Object.entries(viewers).map(([name, viewer]) => [name, subjects.filter((subject) => maySee(viewer, subject)).map((subject) => ("id" in subject ? `${subject.kind} ${subject.id}` : subject.kind))]);
  expect(Object.fromEntries(seen)).toEqual({
    platform: ["platform", "nobody", "teacher t1", "teacher t2", "teacher l1", "learner l1", "learner l2", "learner t1"],
    t1: ["nobody", "teacher t1"],
    l1: ["nobody", "learner l1"],
    nobody: ["nobody"],
  });
});

test("a refusal is the same whoever it is about", () => {
  for (const subject of subjects.filter(({ kind }) => kind !== "nobody")) expect(() => mustSee(viewers["nobody"]!, subject)).toThrow("Your key does not show this page.");
});
