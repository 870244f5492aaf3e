import type { Context } from "hono";
import type { CourseIndexes } from "../course-indexes.ts";
import type { PricingContext } from "../pricing-inputs.ts";
import { LearnerDesk, type LearnerDeskDeps } from "./learner-desk.ts";
import { LearnerPropensity } from "./learner-propensity.ts";
import { PropensityBatch } from "./propensity-batch.ts";
import { type HeldQuotes, Recommendations } from "./recommendations.ts";
import { type Movement, SegmentList } from "./segment-list.ts";

/** What is said of learners. */
export interface Learners {
  propensity(context: Context): Promise<Response>;
  batch(context: Context): Promise<Response>;
  segments(context: Context): Promise<Response>;
  recommendations(context: Context): Promise<Response>;
  /** Goes through all learners unless that was done before: then the first answer need not wait for it. */
  survey(): Promise<void>;
  /** Learners of the last survey. */
  readonly surveyed: number;
}

export interface LearnersDeps extends LearnerDeskDeps {
  readonly indexes: CourseIndexes;
  readonly pricing: PricingContext;
  readonly movement: Movement;
  readonly quotes: HeldQuotes;
}

export function createLearners({ indexes, pricing, movement, quotes, ...deps }: LearnersDeps): Learners {
  const desk = new LearnerDesk(deps);
  const propensity = new LearnerPropensity(desk);
  const batch = new PropensityBatch(desk);
  const list = new SegmentList(desk, movement);
  const recommendations = new Recommendations({ desk, indexes, pricing, quotes });
  return {
    propensity: (context) => propensity.answer(context),
    batch: (context) => batch.answer(context),
    segments: (context) => list.answer(context),
    recommendations: (context) => recommendations.answer(context),
    survey: async () => {
      if (desk.surveyed === 0) await desk.standard();
    },
    get surveyed() {
      return desk.surveyed;
    },
  };
}
