import type { TrainingReport } from "../../contracts/training-run.ts";
import { reportText } from "./report-text.ts";

type Write = (report: TrainingReport) => string;

/** The forms that a run's report is kept in beside its JSON, by file name. The page loads its charts, a third of a second, only when it is made. */
const forms: Readonly<Record<string, () => Promise<Write>>> = {
  "report.txt": () => Promise.resolve(reportText),
  "report.html": async () => (await import("./render-report.ts")).renderReport,
};

/** Every form of a report. */
export async function reportFiles(report: TrainingReport): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const [file, form] of Object.entries(forms)) files[file] = new TextEncoder().encode((await form())(report));
  return files;
}

export const reportFormats = ["json", ...Object.keys(forms).map((file) => file.slice("report.".length))];
