import { expect, test } from "vitest";
import { bytes, counted, day, duration, figure, fixed, moment, percent, secondsBetween, short } from "./format.ts";

test.each([
  [0, "0"],
  [-0, "0"],
  [0.123456, "0.123"],
  [-1.2345, "\u22121.23"],
  [1234.5, "1,235"],
  [975_632, "975,632"],
  [0.00012345, "0.000123"],
  [0.000012345, "1.23e\u22125"],
  [1e12, "1.00e12"],
  [12.5, "12.5"],
  [Number.NaN, "–"],
  [null, "–"],
  [undefined, "–"],
])("the figure %s is %s", (value, text) => expect(figure(value)).toBe(text));

test("decimals that are compared have no negative zero, and no tail of zeros when they are large", () => {
  expect([fixed(-0.0001, 2), fixed(-1.005, 2), fixed(2, 3), fixed(1e7, 3), fixed(null, 1)]).toEqual(["0.00", "\u22121.00", "2.000", "10,000,000", "–"]);
  expect([percent(0.0242, 2), percent(-0.004), percent(1, 0), percent(Number.POSITIVE_INFINITY)]).toEqual(["2.42\u00A0%", "\u22120.4\u00A0%", "100\u00A0%", "–"]);
});

test("axes have short figures", () => {
  expect([short(0), short(9_999), short(12_345), short(-1_160_584), short(0.05)]).toEqual(["0", "9,999", "12.3K", "\u22121.16M", "0.05"]);
});

test.each([
  [0, "0\u00A0ms"],
  [0.0061, "6.1\u00A0ms"],
  [0.25, "0.3\u00A0s"],
  [59.94, "59.9\u00A0s"],
  [137.283, "2\u00A0min 17\u00A0s"],
  [3_725, "1\u00A0h 2\u00A0min"],
  [Number.NaN, "–"],
])("%s seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

test("times are UTC, and what is no time stays as it is", () => {
  expect(moment("2026-11-25T20:19:07.040339274Z")).toBe("2026-11-25 20:19:07\u00A0UTC");
  expect(day("2026-11-25T20:19:07Z")).toBe("2026-11-25");
  expect([moment("memory"), day("")]).toEqual(["memory", ""]);
  expect(secondsBetween("2026-01-01T00:00:00Z", "2026-01-01T00:02:17.250Z")).toBe(137.25);
});

test("nouns have their number", () => {
  expect([counted(1, "check"), counted(0, "check"), counted(7_485, "row")]).toEqual(["1 check", "0 checks", "7,485 rows"]);
  expect([bytes(900), bytes(11_600)]).toEqual(["900\u00A0bytes", "11.6\u00A0kB"]);
});
