import { expect, test } from "vitest";
import { renderReport } from "./render-report.ts";
import { reportFiles, reportFormats } from "./report-files.ts";
import { reportText } from "./report-text.ts";
import { sampleReport } from "./testing.ts";

test("a report has the forms that can be asked for", async () => {
  const report = sampleReport();
  const files = await reportFiles(report);
  expect(Object.keys(files).map((file) => file.replace("report.", ""))).toEqual(reportFormats.filter((format) => format !== "json"));
  const text = (file: string): string => new TextDecoder().decode(files[file]);
  expect(text("report.html")).toBe(renderReport(report));
  expect(text("report.txt")).toBe(reportText(report));
});
