import { createHash } from "node:crypto";
import { COURSE_FOLDS, courseFold, courseRows } from "../course-rows.ts";
import type { TrainingDataset } from "../dataset.ts";
import { HeldOut } from "../evaluation.ts";
import { readJson, writeJson } from "../json-files.ts";
import { learningRows, rowsToLearn } from "../learning-rows.ts";
import type { Stage } from "../pipeline/stage.ts";
import type { ElasticityOutputs, Preparation } from "./outputs.ts";

const FILE = "preparation.json";

interface Kept {
  readonly train_rows: number;
  readonly validation_rows: number;
  readonly test_rows: number;
  readonly courses: number;
  /** Of what the learners see. */
  readonly digest: string;
}

/** The split forward in time, the folds by course, and the bins, once for all learners. */
export function prepare({ rows, data, train_end, validation_end }: TrainingDataset): Preparation {
  const courses = courseRows(data, rows.map((row) => row.course_id));
  return {
    learning: learningRows(rowsToLearn(data, train_end, validation_end)),
    courses,
    folds: Array.from({ length: COURSE_FOLDS }, (_, fold) => courseFold(courses, fold)),
    validation: new HeldOut(rows.filter((row) => row.period >= train_end && row.period < validation_end)),
    test: new HeldOut(rows.filter((row) => row.period >= validation_end)),
  };
}

function kept({ learning, courses, validation, test }: Preparation): Kept {
  const hash = createHash("sha256");
  for (const values of [learning.values, learning.y, learning.exposure, courses.features.values]) hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return { train_rows: learning.train_rows, validation_rows: validation.rows.length, test_rows: test.rows.length, courses: courses.y.length, digest: hash.digest("hex") };
}

/** Follows from the rows in less time than it would take to read it: what is kept is its digest. */
export const preparationStage: Stage<Pick<ElasticityOutputs, "data">, Preparation> = {
  run: ({ data }) => Promise.resolve(prepare(data)),
  save: (preparation, directory) => writeJson(directory, FILE, kept(preparation)),
  load(directory, { data }) {
    const preparation = prepare(data);
    if (kept(preparation).digest !== readJson<Kept>(directory, FILE).digest) throw new Error("the rows give other matrices than they did");
    return preparation;
  },
  detail(preparation) {
    const { train_rows, validation_rows, test_rows, courses } = kept(preparation);
    return `${train_rows} rows train, ${validation_rows} select, ${test_rows} judge; ${courses} courses in ${COURSE_FOLDS} folds`;
  },
};
