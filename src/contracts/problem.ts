import { z } from "zod";

/** RFC 9457 problem details, with a stable `code` and the field at fault. Never a stack. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  field: z.string().optional(),
  /** All fields at fault, where they are more than one. */
  issues: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

export const problemCodes = {
  invalid_request: 400,
  request_timeout: 408,
  headers_too_large: 431,
  invalid_json: 400,
  invalid_field: 422,
  unknown_course: 404,
  unknown_learner: 404,
  unknown_policy: 404,
  unknown_model: 404,
  model_refused: 409,
  invalid_policy: 422,
  price_rule: 422,
  unauthorized: 401,
  forbidden: 403,
  rate_limited: 429,
  not_found: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  unsupported_media_type: 415,
  events_rejected: 422,
  too_many_events: 429,
  broker_unavailable: 503,
  overloaded: 503,
  features_unavailable: 503,
  conflict: 409,
  fold_behind: 503,
  draining: 503,
  internal: 500,
} as const;
export type ProblemCode = keyof typeof problemCodes;
