import type { FactSink } from "./build-event.ts";
import type { Study } from "./studies.ts";
import type { WorldParameters } from "./world.ts";

/** A study as it shows: the enrollment and what came of it so far. */
export interface ObservedStudy extends Study {
  status: "open" | "completed" | "dropped" | "refunded";
  /** When it was completed or dropped. */
  ended_ms: number;
  /** Sessions, assignments and forum posts so far, and the time of the latest. */
  activities: number;
  active_ms: number;
}

/** Listens to a history and keeps what shows of every study. */
export class StudyLog {
  /** By enrollment. */
  readonly studies: ObservedStudy[] = [];
  readonly #world: WorldParameters;
  /** Enrollment of learner × courses + course: nobody enrolls twice in a course. */
  readonly #enrollments = new Map<number, number>();

  constructor(world: WorldParameters) {
    this.#world = world;
  }

  readonly observe: FactSink = (type, at_ms, learner, course, value, extra) => {
    switch (type) {
      case "enrollment.created":
        this.#enrollments.set(learner * this.#world.courses.count + course, extra);
        this.studies[extra] = { learner, course, price: value, at_ms, enrollment: extra, status: "open", ended_ms: 0, activities: 0, active_ms: 0 };
        return;
      case "enrollment.completed":
        return this.#end(extra, "completed", at_ms);
      case "enrollment.dropped":
        return this.#end(extra, "dropped", at_ms);
      case "enrollment.refunded":
        return this.#end(extra, "refunded", at_ms);
      case "activity.session":
      case "activity.assignment":
      case "activity.forum": {
        const study = this.studies[this.#enrollments.get(learner * this.#world.courses.count + course) ?? -1];
        if (study === undefined) return;
        study.activities++;
        study.active_ms = at_ms;
      }
    }
  };

  #end(enrollment: number, status: ObservedStudy["status"], at_ms: number): void {
    const study = this.studies[enrollment];
    if (study === undefined) return;
    study.status = status;
    study.ended_ms = at_ms;
  }
}
