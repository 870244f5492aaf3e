import { demandCellScale, demandCellWeight } from "./demand-cells.ts";

/** Exposures' worth of the platform's conversion that a course's own is shrunk with, and of a guess that the platform's is. */
const PRIOR_EXPOSURES = 20;
const PRIOR_CONVERSION = 0.1;

interface Decayed {
  exposures: number;
  enrollments: number;
}

/** Enrollments per exposure of each course as of any moment, decayed like the demand cells and shrunk to the platform's. */
export class TrailingConversions {
  readonly #courses = new Map<string, Decayed>();
  readonly #platform: Decayed = { exposures: 0, enrollments: 0 };

  exposure(course_id: string, time_ms: number): void {
    const weight = demandCellWeight(time_ms);
    this.#of(course_id).exposures += weight;
    this.#platform.exposures += weight;
  }

  enrollment(course_id: string, time_ms: number): void {
    const weight = demandCellWeight(time_ms);
    this.#of(course_id).enrollments += weight;
    this.#platform.enrollments += weight;
  }

  /** Above 0 and below 1. */
  at(course_id: string, now_ms: number): number {
    const scale = demandCellScale(now_ms);
    return shrunk(this.#of(course_id), scale, shrunk(this.#platform, scale, PRIOR_CONVERSION));
  }

  #of(course_id: string): Decayed {
    const found = this.#courses.get(course_id) ?? { exposures: 0, enrollments: 0 };
    this.#courses.set(course_id, found);
    return found;
  }
}

/** An enrollment without its exposure counts as one. */
function shrunk({ exposures, enrollments }: Decayed, scale: number, prior: number): number {
  return (enrollments * scale + PRIOR_EXPOSURES * prior) / (Math.max(exposures, enrollments) * scale + PRIOR_EXPOSURES);
}
