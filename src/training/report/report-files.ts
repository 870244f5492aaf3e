import type { TrainingReport } from "../../contracts/training-run.ts";
import { reportText } from "./report-text.ts";

/** The forms that a run's report is kept in beside its JSON, by file name. */
const forms: Readonly<Record<string, (report: TrainingReport) => string>> = { "report.txt": reportText };

/** Every form of a report. */
export function reportFiles(report: TrainingReport): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(forms).map(([file, write]) => [file, new TextEncoder().encode(write(report))]));
}

export const reportFormats = ["json", ...Object.keys(forms).map((file) => file.slice("report.".length))];
