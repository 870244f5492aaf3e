import { randomUUID } from "node:crypto";
import type { EventOf } from "../../contracts/events.ts";
import { type TeacherBandAnswer, teacherBandAnswerSchema, teacherBandBodySchema } from "../../contracts/teacher-band.ts";
import type { Clock } from "../../lib/clock.ts";
import { formatTime } from "../../lib/time.ts";
import { readBody, readId } from "../body.ts";
import { elementsOf } from "../event-body.ts";
import type { EventIntake } from "../event-intake.ts";
import { jsonInit } from "../headers.ts";
import type { Route } from "../route.ts";

/** The band is the teacher's own word: an event like any other, so that a fold of the stream knows it. */
export function registerTeachers(route: Route, events: EventIntake, clock: Clock): void {
  route(
    {
      method: "PUT",
      path: "/teachers/:id/band",
      role: "price",
      owner: "teacher",
      summary: "the least and the most that a teacher's courses may cost",
      body: teacherBandBodySchema,
      answer: teacherBandAnswerSchema,
      example: { params: { id: "T0001" }, body: { min_price: 40, max_price: 160 } },
    },
    async (context) => {
      const teacher_id = readId(context);
      const { min_price, max_price } = await readBody(context, teacherBandBodySchema);
      const event: EventOf<"teacher.upserted"> = { id: `band-${randomUUID()}`, type: "teacher.upserted", time: formatTime(clock.now_ms()), teacher_id, min_price, max_price };
      await events.take(elementsOf(new TextEncoder().encode(JSON.stringify([event]))));
      const answer: TeacherBandAnswer = { teacher_id, min_price, max_price, event_id: event.id };
      return new Response(JSON.stringify(answer), jsonInit);
    },
  );
}
