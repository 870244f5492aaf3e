import type { QuoteAnswer } from "../../contracts/quote.ts";
import { isPersonalQuote } from "../../contracts/quote.ts";
import { bundleRecordSchema } from "../../contracts/bundle.ts";
import { BUNDLE_QUOTE_PREFIX, bundleDecisionSubject, courseDecisionSubject, STREAM_OFFERS, STREAM_QUOTES } from "../../contracts/subjects.ts";
import { decisionRecordSchema } from "../../contracts/decision.ts";
import type { KeptQuote } from "../../features/store.ts";
import type { Broker } from "../../ingest/nats.ts";
import type { Clock } from "../../lib/clock.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { formatTime } from "../../lib/time.ts";
import type { CompiledModel } from "../../models/compiled.ts";
import { replayBundle } from "../../pricing/bundles/bundle-decision.ts";
import { replayDecision } from "../../pricing/decision.ts";
import { replayQuote } from "../../pricing/personal/quote-record.ts";
import { verifyQuote } from "../../pricing/personal/quote-signature.ts";
import { citationAnswer, statusOf } from "../../pricing/personal/redemption.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import type { PolicySource } from "../policy-source.ts";
import { ProblemError } from "../problem.ts";
import type { KnownQuotes } from "./known-quotes.ts";
import type { QuoteKeyring } from "./quote-keyring.ts";

/** A quote of another host is folded here within milliseconds. */
const FOLD_WAIT_MS = 1_000;
const FOLD_LOOK_MS = 5;
/** Reading a course's decisions ends after so long, found or not. */
const SCAN_MS = 5_000;

export interface QuoteLookupDeps {
  readonly features: FeatureSource;
  readonly broker: Pick<Broker, "getMessage" | "streamInfo" | "consume">;
  readonly known: KnownQuotes;
  readonly keyring: QuoteKeyring;
  readonly policies: PolicySource;
  /** The model of a digest, wherever it still is; undefined: nowhere. */
  readonly modelOf: (digest: string) => Promise<CompiledModel | undefined>;
  readonly clock: Clock;
}

export interface Replayed {
  readonly quote_id: string;
  readonly kind: "personal" | "course" | "bundle";
  readonly identical: boolean;
  /** JSON, as it comes out now. */
  readonly answer_json: string;
}

const gone = (quote_id: string): ProblemError => new ProblemError("not_found", `There is no quote ${quote_id}, or it was over so long ago that it is forgotten.`, { field: "quote_id" });

/** What a price that anybody may have does not have. */
const nobodys = { learner_id: null, expires_at: null, locked_until: null, signature_valid: null, redemption: null };

/** What became of quotes, and what they were made from. */
export class QuoteLookup {
  readonly #deps: QuoteLookupDeps;

  constructor(deps: QuoteLookupDeps) {
    this.#deps = deps;
  }

  /** The body of GET /quotes/{id}. Throws ProblemError. */
  async find(quote_id: string, course_id: string | undefined): Promise<QuoteAnswer> {
    if (quote_id.startsWith(BUNDLE_QUOTE_PREFIX)) return this.#bundle(quote_id);
    return isPersonalQuote(quote_id) ? this.#personal(quote_id) : this.#course(quote_id, course_id);
  }

  /** The body of POST /quotes/{id}/replay. Throws ProblemError. */
  async replay(quote_id: string, course_id: string | undefined): Promise<Replayed> {
    if (quote_id.startsWith(BUNDLE_QUOTE_PREFIX)) return this.#replayBundle(quote_id);
    if (!isPersonalQuote(quote_id)) return this.#replayCourse(quote_id, course_id);
    const text = await this.#recordOf(await this.#quote(quote_id));
    if (text === undefined) throw new ProblemError("not_found", `What quote ${quote_id} was decided from is no longer in OFFERS.`, { field: "quote_id" });
    const { identical, answer } = replayQuote(text);
    return { quote_id, kind: "personal", identical, answer_json: JSON.stringify(answer) };
  }

  async #personal(quote_id: string): Promise<QuoteAnswer> {
    const { features, keyring, clock } = this.#deps;
    const quote = await this.#quote(quote_id);
    const citation = mustFeatures(features).store.citation(quote.learner_id, quote_id);
    const text = await this.#recordOf(quote).catch(() => undefined);
    const signature = text === undefined ? undefined : replayQuote(text).record.signature;
    return {
      quote_id,
      kind: "personal",
      status: statusOf(quote, citation, clock.now_ms()),
      learner_id: quote.learner_id,
      course_id: quote.course_id,
      price: quote.price,
      issued_at: formatTime(quote.issued_ms),
      expires_at: formatTime(quote.expires_ms),
      locked_until: formatTime(quote.locked_ms),
      signature_valid: signature === undefined || keyring.keys === undefined ? null : verifyQuote(quote, signature, keyring.keys),
      redemption: citation === undefined ? null : citationAnswer(citation, quote),
    };
  }

  /** By the fold, by what was made here, or by the fold once it has everything that is there now. */
  async #quote(quote_id: string): Promise<KeptQuote> {
    const { features, known, broker, clock } = this.#deps;
    const look = (): KeptQuote | undefined => {
      const { store } = mustFeatures(features);
      const quote = store.quote(quote_id) ?? known.byId(quote_id);
      // Of who was erased nothing is told, though the quotes themselves go some days later.
      return quote === undefined || store.sequence("learner", quote.learner_id) === undefined ? undefined : quote;
    };
    const found = look();
    if (found !== undefined) return found;
    const last = (await broker.streamInfo(STREAM_OFFERS).catch(() => undefined))?.last_sequence ?? 0;
    const until_ms = clock.now_ms() + FOLD_WAIT_MS;
    while ((mustFeatures(features).store.cursor(STREAM_OFFERS)?.sequence ?? 0) < last && clock.now_ms() < until_ms) await clock.sleep(FOLD_LOOK_MS);
    const folded = look();
    if (folded === undefined) throw gone(quote_id);
    return folded;
  }

  /** undefined when the stream has let go of it. Throws ProblemError while the broker is away. */
  async #recordOf({ sequence, quote_id }: KeptQuote): Promise<string | undefined> {
    const message = await this.#asked(() => this.#deps.broker.getMessage(STREAM_OFFERS, { sequence }));
    const text = message === undefined ? undefined : Buffer.from(message.data).toString();
    return text?.includes(quote_id) === true ? text : undefined;
  }

  async #course(quote_id: string, course_id: string | undefined): Promise<QuoteAnswer> {
    const { inputs, optimal_price, decided_at } = decisionRecordSchema.parse(await this.#decision(quote_id, course_id));
    return { quote_id, kind: "course", status: "valid", ...nobodys, course_id: inputs.course_id, price: optimal_price, issued_at: decided_at };
  }

  async #bundle(quote_id: string): Promise<QuoteAnswer> {
    const { price, decided_at } = bundleRecordSchema.parse(await this.#bundleRecord(quote_id));
    return { quote_id, kind: "bundle", status: "valid", ...nobodys, course_id: null, price, issued_at: decided_at };
  }

  async #replayBundle(quote_id: string): Promise<Replayed> {
    const { identical, answer } = replayBundle(await this.#bundleRecord(quote_id));
    return { quote_id, kind: "bundle", identical, answer_json: JSON.stringify(answer) };
  }

  async #bundleRecord(quote_id: string): Promise<unknown> {
    const message = await this.#asked(() => this.#deps.broker.getMessage(STREAM_QUOTES, { last_by_subject: bundleDecisionSubject(quote_id) }));
    if (message === undefined) throw gone(quote_id);
    return JSON.parse(Buffer.from(message.data).toString());
  }

  async #replayCourse(quote_id: string, course_id: string | undefined): Promise<Replayed> {
    const { policies, modelOf } = this.#deps;
    const record = decisionRecordSchema.parse(await this.#decision(quote_id, course_id));
    const { model_digest, policy_version } = record.inputs;
    const policy = policies.byVersion(policy_version);
    if (policy === undefined) throw new ProblemError("not_found", `Quote ${quote_id} was made under policy ${policy_version}, which this host does not know.`, { field: "quote_id" });
    const model = model_digest === null ? null : await this.#asked(() => modelOf(model_digest));
    if (model === undefined) throw new ProblemError("not_found", `Quote ${quote_id} was made with the model of digest ${model_digest}, which is no longer kept.`, { field: "quote_id" });
    const { identical, answer } = replayDecision(record, model, policy);
    return { quote_id, kind: "course", identical, answer_json: JSON.stringify(answer) };
  }

  /** A course's decision by its id, which is the hash of what it was made from: its record is looked for among the course's own. */
  async #decision(quote_id: string, course_id: string | undefined): Promise<unknown> {
    if (course_id === undefined) throw new ProblemError("invalid_field", "The quote of a course is found among those of its course: say course_id.", { field: "course_id" });
    const { broker, clock } = this.#deps;
    const subject = courseDecisionSubject(course_id);
    const last = await this.#asked(() => broker.getMessage(STREAM_QUOTES, { last_by_subject: subject }));
    if (last === undefined) throw gone(quote_id);
    const head = Buffer.from(`{"id":${JSON.stringify(quote_id)}`);
    let found: Buffer | undefined;
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const consumption = await this.#asked(() =>
      broker.consume(STREAM_QUOTES, { start_sequence: 1, subject }, ({ data, sequence, pending }) => {
        if (head.equals(data.subarray(0, head.length))) found = Buffer.from(data);
        if (found !== undefined || sequence >= last.sequence || pending === 0) end();
      }),
    );
    await Promise.race([ended, consumption.closed, clock.sleep(SCAN_MS)]);
    await consumption.stop();
    if (found === undefined) throw gone(quote_id);
    return JSON.parse(found.toString());
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof TidemarkError) throw new ProblemError("broker_unavailable", "What the quote was made from cannot be read: the broker does not answer.");
      throw error;
    }
  }
}

