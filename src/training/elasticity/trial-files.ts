import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PriceTrial } from "../../features/price-trial.ts";
import { readJson, writeJson } from "../json-files.ts";

const COURSES = "trials.json";
/** Doubles in the machine's order: only the host that wrote them resumes from them. */
const DRAWS = "trials.f64";
/** Of each course, one after the other: jitter, exposures, enrollments, and what the demand cells hold of both. */
const SERIES = 5;

type Course = readonly [course_id: string, category: string, draws: number];

export function writeTrials(directory: string, trials: readonly PriceTrial[]): void {
  const values = new Float64Array(SERIES * trials.reduce((sum, { jitter }) => sum + jitter.length, 0));
  let at = 0;
  for (const { jitter, exposures, enrollments, held } of trials) {
    for (const series of [jitter, exposures, enrollments, held?.exposures, held?.enrollments]) {
      if (series !== undefined) values.set(series, at);
      at += jitter.length;
    }
  }
  writeJson(directory, COURSES, trials.map(({ course_id, category, jitter }): Course => [course_id, category, jitter.length]));
  writeFileSync(join(directory, DRAWS), new Uint8Array(values.buffer));
}

export function readTrials(directory: string): PriceTrial[] {
  const values = new Float64Array(Uint8Array.from(readFileSync(join(directory, DRAWS))).buffer);
  let at = 0;
  return readJson<readonly Course[]>(directory, COURSES).map(([course_id, category, draws]) => {
    const next = (): Float64Array => values.slice(at, (at += draws));
    return { course_id, category, jitter: next(), exposures: next(), enrollments: next(), held: { exposures: next(), enrollments: next() } };
  });
}
