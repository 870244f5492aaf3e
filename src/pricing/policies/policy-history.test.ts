import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PolicyMessage } from "../../contracts/control.ts";
import { documentDiff } from "./document-diff.ts";
import { activeDocument, type PolicyDocument, type PolicyEntry, type PolicyRevision, policyState } from "./policy-history.ts";

const time = "2026-03-01T12:00:00.000Z";
// What is in a document is nothing to its history.
const document = (name: string): PolicyDocument => ({ name }) as unknown as PolicyDocument;
const common = { time, author: "ada", reason: "why", policy_id: "sale" };
const drafted = (revision: number): PolicyMessage => ({ type: "policy.drafted", ...common, revision, policy: document(`r${revision}`) });
const activated = (revision: number): PolicyMessage => ({ type: "policy.activated", ...common, revision });
const retired: PolicyMessage = { type: "policy.retired", ...common };
const history = (...messages: readonly PolicyMessage[]): PolicyEntry[] => messages.map((message, i) => ({ sequence: 10 + i, message }));

describe("the history of a policy", () => {
  test("drafts, activates, goes back, further back, and retires", () => {
    const messages = [drafted(1), drafted(2), drafted(3), activated(1), activated(2), activated(3)];
    expect(policyState("sale", history(drafted(1)))).toMatchObject({ sequence: 10, latest: 1, active: null, previous: null, retired: false });
    expect(policyState("sale", history(...messages))).toMatchObject({ latest: 3, active: 3, previous: 2, activated_sequence: 15 });
    expect(policyState("sale", history(...messages, activated(2)))).toMatchObject({ active: 2, previous: 1, activated_sequence: 16 });
    expect(policyState("sale", history(...messages, activated(2), activated(1)))).toMatchObject({ active: 1, previous: null });
    const gone = policyState("sale", history(...messages, retired));
    expect(gone).toMatchObject({ active: null, previous: null, retired: true, latest: 3 });
    expect(activeDocument(gone)).toBeUndefined();
    expect(policyState("sale", history(...messages, retired, activated(2)))).toMatchObject({ active: 2, previous: null, retired: false });
    expect(activeDocument(policyState("sale", history(...messages)))).toEqual(document("r3"));
    expect(policyState("sale", history(...messages)).changes.every((change) => change.author === "ada" && change.reason === "why" && !("ignored" in change))).toBe(true);
  });

  test("the built-in policy is there before any message and cannot be retired", () => {
    const built_in = { policy_id: "sale", document: document("built in") };
    expect(policyState("sale", [], built_in)).toMatchObject({ sequence: 0, latest: 1, active: 1, previous: null });
    expect(policyState("sale", history(drafted(1)), built_in).changes[0]?.ignored).toBe("revision 1 is not after 1");
    const changed = policyState("sale", history(drafted(2), activated(2), retired), built_in);
    expect(changed).toMatchObject({ active: 2, previous: 1 });
    expect(changed.changes[2]?.ignored).toBe("the built-in policy cannot be retired");
    expect(activeDocument(policyState("sale", history(drafted(2), activated(2), activated(1)), built_in))).toEqual(document("built in"));
    expect(policyState("other", [], built_in)).toMatchObject({ active: null, latest: 0 });
  });

  test("what contradicts the past changes nothing, whoever wrote it", () => {
    const { changes, ...state } = policyState("sale", history(activated(1), retired, drafted(2), drafted(2), drafted(1), activated(2), activated(2), { ...activated(2), policy_id: "other" }));
    expect(state).toMatchObject({ active: 2, latest: 2, sequence: 17, activated_sequence: 15 });
    expect(changes.map(({ ignored }) => ignored)).toEqual([
      "there is no revision 1",
      "no revision was in force",
      undefined,
      "revision 2 is not after 2",
      "revision 1 is not after 2",
      undefined,
      "revision 2 was in force already",
      "it names policy other",
    ]);
  });

  test("whatever is written, the active revision exists, a rollback leads to another one, and revisions never change", () => {
    const message = fc.oneof(fc.integer({ min: 1, max: 6 }).map(drafted), fc.integer({ min: 1, max: 6 }).map(activated), fc.constant(retired));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
        let before: ReadonlyMap<number, PolicyRevision> = new Map();
        for (let length = 0; length <= messages.length; length++) {
          const past = messages.slice(0, length);
          const state = policyState("sale", history(...past));
          expect(activeDocument(state) !== undefined).toBe(state.active !== null);
          const back = state.previous === null ? state : policyState("sale", history(...past, activated(state.previous)));
          expect(back.active).toBe(state.previous ?? state.active);
          expect(state.previous === null || state.previous !== state.active).toBe(true);
          const kept: ReadonlyMap<number, PolicyRevision> = new Map([...state.revisions].filter(([revision]) => before.has(revision)));
          expect(kept).toEqual(before);
          before = state.revisions;
        }
      }),
    );
  });
});

describe("the difference of two documents", () => {
  test("names each field that differs by its path", () => {
    const from = { objective: "revenue", weights: { elasticity: 0.85, competitive: 0.15 }, promotions: [1], gone: 1 };
    const to = { objective: "revenue", weights: { elasticity: 0.5, competitive: 0.15 }, promotions: [1, 2], constructor: "x" };
    expect(documentDiff(from, to)).toEqual([
      { field: "constructor", from: null, to: "x" },
      { field: "gone", from: 1, to: null },
      { field: "promotions", from: [1], to: [1, 2] },
      { field: "weights.elasticity", from: 0.85, to: 0.5 },
    ]);
  });

  test("is empty for equal documents and has its sides swapped the other way round", () => {
    const json = fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(documentDiff(a, structuredClone(a))).toEqual([]);
        expect(documentDiff(b, a)).toEqual(documentDiff(a, b).map(({ field, from, to }) => ({ field, from: to, to: from })));
      }),
    );
  });
});
