import type { z } from "zod";
import type { EntityFeaturesAnswer, FeaturesAnswer, HealthAnswer, ModelInfoAnswer, OptimizeAnswer, optimizeBodySchema, PredictAnswer, predictBodySchema } from "../contracts/api.ts";
import type { bundleAnswerSchema, bundleBodySchema } from "../contracts/bundle.ts";
import type { CategoriesAnswer, CourseDetail, courseOrders, CoursesAnswer } from "../contracts/catalogue.ts";
import type { EventBatchAnswer } from "../contracts/event-batch.ts";
import type { Event } from "../contracts/events.ts";
import type { changeExperimentBodySchema, defineExperimentBodySchema, ExperimentAnswer, ExperimentsAnswer, experimentsQuerySchema, powerAnswerSchema, powerBodySchema, stopExperimentBodySchema, validateExperimentAnswerSchema, validateExperimentBodySchema } from "../contracts/experiment-api.ts";
import type { keyCreateBodySchema, keyCreatedAnswerSchema, keyListAnswerSchema, keyRevokeQuerySchema, keySummarySchema } from "../contracts/key-api.ts";
import type { LearnerScoresAnswer, propensityBatchAnswerSchema, propensityBatchBodySchema, RecommendationsAnswer, SegmentsAnswer } from "../contracts/learner-scores.ts";
import type { Topic } from "../contracts/live-stream.ts";
import type { ModelChangedAnswer, modelPinBodySchema, modelPromoteBodySchema, modelRollbackBodySchema, ModelsAnswer, ServedFamily } from "../contracts/model-api.ts";
import type { PersonalisationAnswer, personalisationBodySchema } from "../contracts/personalisation.ts";
import type { policyActivateBodySchema, policyAnswerSchema, policyChangeBodySchema, policyChangedAnswerSchema, policyDiffAnswerSchema, policyDraftBodySchema, policyListAnswerSchema, policySimulateAnswerSchema, policySimulateBodySchema, policyValidateAnswerSchema, policyValidateBodySchema } from "../contracts/policy-api.ts";
import type { priceBatchAnswerSchema, priceBatchBodySchema } from "../contracts/price-batch.ts";
import type { priceActionAnswerSchema, priceActionBodySchema, priceChangesAnswerSchema } from "../contracts/price-change.ts";
import type { PropensityInfoAnswer } from "../contracts/propensity-info.ts";
import type { personalizedAnswerSchema, personalizedBodySchema, quoteAnswerSchema, redemptionsAnswerSchema, replayAnswerSchema } from "../contracts/quote.ts";
import type { TeacherBandAnswer, teacherBandBodySchema } from "../contracts/teacher-band.ts";
import { type ClientEvent, clientEvents } from "./client-events.ts";
import { type ClientOptions, ClientTransport, type Query } from "./client-transport.ts";

type In<Schema extends z.ZodType> = z.input<Schema>;
type Out<Schema extends z.ZodType> = z.output<Schema>;

export interface PageQuery {
  readonly limit?: number;
  /** What `next` of the page before says after `after=`. */
  readonly after?: string;
}

export interface CoursesQuery extends PageQuery {
  readonly category?: string;
  readonly teacher_id?: string;
  readonly sort?: (typeof courseOrders)[number] | `-${(typeof courseOrders)[number]}`;
  readonly with?: "recommendation";
}

const at = (...parts: readonly string[]): string => parts.map((part) => `/${encodeURIComponent(part)}`).join("");

/**
 * The engine for TypeScript programs: a method an endpoint, of the types that the endpoint validates. Refusals are thrown as TidemarkApiError; what was
 * turned away under load is sent again after as long as the engine says.
 */
export class TidemarkClient {
  readonly #transport: ClientTransport;

  constructor(options: ClientOptions) {
    this.#transport = new ClientTransport(options);
  }

  optimizePrice(body: In<typeof optimizeBodySchema>): Promise<OptimizeAnswer> {
    return this.#ask("/optimize_price", body);
  }

  predictEnrollments(body: In<typeof predictBodySchema>): Promise<PredictAnswer> {
    return this.#ask("/predict_enrollments", body);
  }

  priceBatch(body: In<typeof priceBatchBodySchema>): Promise<Out<typeof priceBatchAnswerSchema>> {
    return this.#ask("/price_batch", body);
  }

  personalizedPricing(body: In<typeof personalizedBodySchema>): Promise<Out<typeof personalizedAnswerSchema>> {
    return this.#ask("/personalized_pricing", body);
  }

  bundlePrice(body: In<typeof bundleBodySchema>): Promise<Out<typeof bundleAnswerSchema>> {
    return this.#ask("/bundle_price", body);
  }

  quote(quote_id: string, query: { readonly course_id?: string } = {}): Promise<Out<typeof quoteAnswerSchema>> {
    return this.#get(at("quotes", quote_id), query);
  }

  replayQuote(quote_id: string, query: { readonly course_id?: string } = {}): Promise<Out<typeof replayAnswerSchema>> {
    return this.#transport.json("POST", at("quotes", quote_id, "replay"), { query }, true);
  }

  redemptions(query: Query = {}): Promise<Out<typeof redemptionsAnswerSchema>> {
    return this.#get("/redemptions", query);
  }

  /** Up to 1,000 events. An event counts once by its id, so that a lost answer is no reason not to send it again. */
  publishEvents(events: readonly Event[]): Promise<EventBatchAnswer> {
    return this.#ask("/events", events);
  }

  modelInfo(): Promise<ModelInfoAnswer>;
  modelInfo(family: "elasticity"): Promise<ModelInfoAnswer>;
  modelInfo(family: "propensity"): Promise<PropensityInfoAnswer>;
  modelInfo(family: "elasticity" | "propensity" = "elasticity"): Promise<ModelInfoAnswer | PropensityInfoAnswer> {
    return this.#get("/model_info", { family });
  }

  /** Stored models of a family and what was promoted of them. */
  models(family: ServedFamily): Promise<ModelsAnswer> {
    return this.#get(at("models", family));
  }

  promoteModel(family: ServedFamily, body: In<typeof modelPromoteBodySchema>): Promise<ModelChangedAnswer> {
    return this.#change(at("models", family, "promote"), body);
  }

  rollbackModel(family: ServedFamily, body: In<typeof modelRollbackBodySchema>): Promise<ModelChangedAnswer> {
    return this.#change(at("models", family, "rollback"), body);
  }

  pinModel(family: ServedFamily, body: In<typeof modelPinBodySchema>): Promise<ModelChangedAnswer> {
    return this.#change(at("models", family, "pin"), body);
  }

  categories(query: PageQuery = {}): Promise<CategoriesAnswer> {
    return this.#get("/categories", { ...query });
  }

  courses(query: CoursesQuery = {}): Promise<CoursesAnswer> {
    return this.#get("/courses", { ...query });
  }

  /** Every course, page after page. */
  async *allCourses(query: Omit<CoursesQuery, "after"> = {}): AsyncGenerator<CoursesAnswer["courses"][number], void> {
    for (let next: string | null = ""; next !== null; ) {
      const page: CoursesAnswer = await (next === "" ? this.courses(query) : this.#get<CoursesAnswer>(next));
      yield* page.courses;
      next = page.next;
    }
  }

  course(course_id: string): Promise<CourseDetail> {
    return this.#get(at("courses", course_id));
  }

  priceChanges(course_id: string, query: { readonly limit?: number } = {}): Promise<Out<typeof priceChangesAnswerSchema>> {
    return this.#get(at("courses", course_id, "price_changes"), query);
  }

  /** Accepts, proposes, approves, rejects or schedules a list price. */
  decidePrice(course_id: string, body: In<typeof priceActionBodySchema>): Promise<Out<typeof priceActionAnswerSchema>> {
    return this.#change(at("courses", course_id, "price"), body);
  }

  features(): Promise<FeaturesAnswer> {
    return this.#get("/features");
  }

  /** `id` of a learner's history with a course: `<learner_id>/<course_id>`. */
  entityFeatures(entity: string, id: string): Promise<EntityFeaturesAnswer> {
    return this.#get(at("features", entity, ...id.split("/")));
  }

  learnerPropensity(learner_id: string): Promise<LearnerScoresAnswer> {
    return this.#get(at("learner", learner_id, "propensity"));
  }

  recommendations(learner_id: string, query: { readonly limit?: number; readonly category?: string } = {}): Promise<RecommendationsAnswer> {
    return this.#get(at("learner", learner_id, "recommendations"), query);
  }

  propensityBatch(body: In<typeof propensityBatchBodySchema>): Promise<Out<typeof propensityBatchAnswerSchema>> {
    return this.#ask("/propensity_batch", body);
  }

  segments(): Promise<SegmentsAnswer> {
    return this.#get("/segments");
  }

  personalisation(learner_id: string): Promise<PersonalisationAnswer> {
    return this.#get(at("learners", learner_id, "personalisation"));
  }

  setPersonalisation(learner_id: string, body: In<typeof personalisationBodySchema>): Promise<PersonalisationAnswer> {
    return this.#transport.json("PUT", at("learners", learner_id, "personalisation"), { body });
  }

  setTeacherBand(teacher_id: string, body: In<typeof teacherBandBodySchema>): Promise<TeacherBandAnswer> {
    return this.#transport.json("PUT", at("teachers", teacher_id, "band"), { body });
  }

  policies(): Promise<Out<typeof policyListAnswerSchema>> {
    return this.#get("/policies");
  }

  policy(policy_id: string, query: { readonly revision?: number } = {}): Promise<Out<typeof policyAnswerSchema>> {
    return this.#get(at("policies", policy_id), query);
  }

  validatePolicy(body: In<typeof policyValidateBodySchema>): Promise<Out<typeof policyValidateAnswerSchema>> {
    return this.#ask("/policies/validate", body);
  }

  /** What a document would have done to the traffic that was recorded. */
  simulatePolicy(body: In<typeof policySimulateBodySchema>): Promise<Out<typeof policySimulateAnswerSchema>> {
    return this.#ask("/policies/simulate", body);
  }

  diffPolicy(policy_id: string, query: { readonly from: number; readonly to: number }): Promise<Out<typeof policyDiffAnswerSchema>> {
    return this.#get(at("policies", policy_id, "diff"), query);
  }

  draftPolicy(policy_id: string, body: In<typeof policyDraftBodySchema>): Promise<Out<typeof policyChangedAnswerSchema>> {
    return this.#transport.json("PUT", at("policies", policy_id), { body });
  }

  activatePolicy(policy_id: string, body: In<typeof policyActivateBodySchema>): Promise<Out<typeof policyChangedAnswerSchema>> {
    return this.#change(at("policies", policy_id, "activate"), body);
  }

  rollbackPolicy(policy_id: string, body: In<typeof policyChangeBodySchema>): Promise<Out<typeof policyChangedAnswerSchema>> {
    return this.#change(at("policies", policy_id, "rollback"), body);
  }

  retirePolicy(policy_id: string, body: In<typeof policyChangeBodySchema>): Promise<Out<typeof policyChangedAnswerSchema>> {
    return this.#change(at("policies", policy_id, "retire"), body);
  }

  keys(): Promise<Out<typeof keyListAnswerSchema>> {
    return this.#get("/keys");
  }

  /** The answer alone holds the key. */
  createKey(body: In<typeof keyCreateBodySchema>): Promise<Out<typeof keyCreatedAnswerSchema>> {
    return this.#transport.json("POST", "/keys", { body });
  }

  revokeKey(key_id: string, query: In<typeof keyRevokeQuerySchema>): Promise<Out<typeof keySummarySchema>> {
    return this.#transport.json("DELETE", at("keys", key_id), { query });
  }

  experiments(query: In<typeof experimentsQuerySchema> = {}): Promise<ExperimentsAnswer> {
    return this.#get("/experiments", query);
  }

  experiment(experiment_id: string): Promise<ExperimentAnswer> {
    return this.#get(at("experiments", experiment_id));
  }

  defineExperiment(body: In<typeof defineExperimentBodySchema>): Promise<ExperimentAnswer> {
    return this.#change("/experiments", body);
  }

  startExperiment(experiment_id: string, body: In<typeof changeExperimentBodySchema>): Promise<ExperimentAnswer> {
    return this.#change(at("experiments", experiment_id, "start"), body);
  }

  stopExperiment(experiment_id: string, body: In<typeof stopExperimentBodySchema>): Promise<ExperimentAnswer> {
    return this.#change(at("experiments", experiment_id, "stop"), body);
  }

  /** Refuses, with the fields at fault, what could not be defined. */
  validateExperiment(body: In<typeof validateExperimentBodySchema>): Promise<Out<typeof validateExperimentAnswerSchema>> {
    return this.#ask("/experiments/validate", body);
  }

  experimentPower(body: In<typeof powerBodySchema>): Promise<Out<typeof powerAnswerSchema>> {
    return this.#ask("/experiments/power", body);
  }

  health(): Promise<HealthAnswer> {
    return this.#get("/health");
  }

  ready(): Promise<{ readonly status: "ready"; readonly model: string | null; readonly degraded: readonly string[] }> {
    return this.#get("/readyz");
  }

  live(): Promise<{ readonly status: "ok" }> {
    return this.#get("/livez");
  }

  metrics(): Promise<string> {
    return this.#transport.text("/metrics");
  }

  openApi(): Promise<Readonly<Record<string, unknown>>> {
    return this.#get("/openapi.json");
  }

  /** Events as they happen, across lost connections, until `signal` aborts or the loop is left. */
  stream({ topics, ...query }: { readonly topics?: readonly Topic[]; readonly course_id?: string; readonly after?: string }, signal: AbortSignal): AsyncGenerator<ClientEvent, void> {
    return clientEvents(this.#transport, { ...query, topics: topics?.join(",") }, signal);
  }

  #get<Answer>(path: string, query?: Query): Promise<Answer> {
    return this.#transport.json("GET", path, { query });
  }

  /** A question whose body is too large for an address: asking twice does nothing twice. */
  #ask<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#transport.json("POST", path, { body }, true);
  }

  #change<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#transport.json("POST", path, { body });
  }
}
