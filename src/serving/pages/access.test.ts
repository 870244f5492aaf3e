import { expect, test } from "vitest";
import { everybody, maySee, mustSee, type Subject, type Viewer } from "./access.ts";

const viewers: Readonly<Record<string, Viewer>> = {
  platform: { platform: true, teacher_id: undefined, learner_id: undefined },
  t1: { platform: false, teacher_id: "t1", learner_id: undefined },
  l1: { platform: false, teacher_id: undefined, learner_id: "l1" },
  nobody: { platform: false, teacher_id: undefined, learner_id: undefined },
};
const subjects: readonly Subject[] = [
  { kind: "platform" },
  { kind: "teacher", id: "t1" },
  { kind: "teacher", id: "t2" },
  { kind: "teacher", id: "l1" },
  { kind: "learner", id: "l1" },
  { kind: "learner", id: "l2" },
  { kind: "learner", id: "t1" },
];

test("a teacher sees one teacher, a learner one learner, and nobody else anything", () => {
  const seen = Object.entries(viewers).map(([name, viewer]) => [name, subjects.filter((subject) => maySee(viewer, subject)).map((subject) => (subject.kind === "platform" ? "platform" : `${subject.kind} ${subject.id}`))]);
  expect(Object.fromEntries(seen)).toEqual({
    platform: ["platform", "teacher t1", "teacher t2", "teacher l1", "learner l1", "learner l2", "learner t1"],
    t1: ["teacher t1"],
    l1: ["learner l1"],
    nobody: [],
  });
});

test("a refusal is the same whoever it is about", () => {
  for (const subject of subjects) expect(() => mustSee(viewers["nobody"]!, subject)).toThrow("There is no such page for you.");
  expect(everybody).toBeTypeOf("function");
});
