import { availableParallelism } from "node:os";
import { z } from "zod";
import { parsePartition } from "../features/partition.ts";

/** One setting: where it is read from, what it may be and what it means. */
export interface Setting<T> {
  readonly variable: string;
  readonly flag: string;
  /** A second name of the flag. */
  readonly alias?: string;
  readonly type: string;
  readonly description: string;
  readonly fallback: T;
  /** Reads the text of a variable or flag. */
  readonly schema: z.ZodType<T, string>;
}

function setting<T>(variable: string, type: string, schema: z.ZodType<T, string>, fallback: T, description: string, alias?: string): Setting<T> {
  const flag = `--${variable.slice("TIDEMARK_".length).toLowerCase().replaceAll("_", "-")}`;
  return { variable, flag, type, description, fallback, schema, ...(alias === undefined ? {} : { alias }) };
}

function whole(min: number, max: number): { type: string; schema: z.ZodType<number, string> } {
  const type = `whole number from ${min} to ${max}`;
  return { type, schema: z.string().regex(/^\d{1,15}$/, type).transform(Number).pipe(z.int(type).min(min, type).max(max, type)) };
}

function decimal(min: number, max: number): { type: string; schema: z.ZodType<number, string> } {
  const type = `number from ${min} to ${max}`;
  return { type, schema: z.string().regex(/^\d{1,15}(\.\d{1,15})?$/, type).transform(Number).pipe(z.number(type).min(min, type).max(max, type)) };
}

function oneOf<const Values extends readonly [string, ...string[]]>(values: Values): { type: string; schema: z.ZodType<Values[number], string> } {
  const type = `one of ${values.join(", ")}`;
  return { type, schema: z.string().pipe(z.enum(values, type)) };
}

const HOST = /^[A-Za-z0-9:.-]{1,253}$/;
const host = "an address or name of this machine; any but a loopback one needs API keys";
const origins = "http(s)://host[:port], several separated by commas";
const path = "path of a directory";
const file = "path of a file";
const quoteKeys = '{"keys":[{"id":…,"secret": base64 of at least 32 bytes}]}';
const httpUrl = "http://host[:port] or https://host[:port]";
const natsUrl = "nats://[user:password@]host[:port] or tls://…, several separated by commas";

function isNatsUrl(text: string): boolean {
  return text.split(",").every((part) => URL.canParse(part) && /^(nats|tls):$/.test(new URL(part).protocol) && new URL(part).hostname !== "");
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function areOrigins(text: string): boolean {
  return text.split(",").every((part) => isHttpUrl(part.trim()) && new URL(part.trim()).origin === part.trim());
}

const port = whole(0, 65_535);
const workers = whole(1, 256);
const replicas = whole(1, 5);
const seed = whole(0, 4_294_967_295);
const interval = decimal(0.01, 8_760);
const rate = decimal(0, 100_000);
const learners = whole(1, 10_000_000);
const courses = whole(1, 1_000_000);
const teachers = whole(1, 1_000_000);
const enrollments = whole(1, 10_000_000);
const weeks = whole(1, 520);
const gib = whole(1, 1_048_576);
const days = whole(0, 36_500);
const snapshotHours = decimal(0, 8_760);
const snapshotsKept = whole(1, 1_000);
const partitionText = "i/n, such as 0/4: from 0 to n - 1 of n partitions";
const partition = z.string().refine((text) => parsePartition(text) !== undefined, partitionText);
const tfBackend = oneOf(["auto", "tensorflow", "wasm", "cpu"]);
const logLevel = oneOf(["debug", "info", "warn", "error", "silent"]);

/** Every setting there is. Help texts, `tidemark config`, the error messages and the reader all come from this table. */
export const settings = {
  host: setting("TIDEMARK_HOST", host, z.string().regex(HOST, host), "127.0.0.1", "address that prices are served on"),
  port: setting("TIDEMARK_PORT", port.type, port.schema, 8080, "port that prices are served on; 0 takes a free one"),
  data_dir: setting("TIDEMARK_DATA_DIR", path, z.string().min(1, path), "./data", "everything that is kept: broker, features, models, logs"),
  nats_url: setting<string | null>("TIDEMARK_NATS_URL", natsUrl, z.string().refine(isNatsUrl, natsUrl), null, "broker to use; unset: the embedded one of `tidemark start`"),
  nats_port: setting("TIDEMARK_NATS_PORT", port.type, port.schema, 0, "port of the embedded broker; 0 takes a free one"),
  nats_creds: setting<string | null>("TIDEMARK_NATS_CREDS", file, z.string().min(1, file), null, "credentials file of the broker (JWT and seed, or a seed alone), instead of user and password in its URL"),
  nats_ca: setting<string | null>("TIDEMARK_NATS_CA", file, z.string().min(1, file), null, "certificates, in PEM, that the broker's own is checked against; unset: those that Node.js trusts"),
  nats_replicas: setting<number | null>("TIDEMARK_NATS_REPLICAS", replicas.type, replicas.schema, null, "servers of the broker's cluster that keep each stream, 3 in production; unset: as many as do already, one of a new stream"),
  key_file: setting<string | null>("TIDEMARK_KEY_FILE", file, z.string().min(1, file), null, "file with an API key: serve takes its holder for an administrator, and start and simulate ask with it"),
  otlp_url: setting<string | null>("TIDEMARK_OTLP_URL", httpUrl, z.string().refine(isHttpUrl, httpUrl), null, "collector that traces of requests are sent to (OTLP over HTTP, such as http://collector:4318/v1/traces); unset: there are none"),
  cors_origins: setting<string | null>("TIDEMARK_CORS_ORIGINS", origins, z.string().refine(areOrigins, origins), null, "origins whose pages may ask for prices from a browser; unset: none"),
  tls_cert: setting<string | null>("TIDEMARK_TLS_CERT", file, z.string().min(1, file), null, "certificate, in PEM, that prices are served with over TLS; read again when it changes"),
  tls_key: setting<string | null>("TIDEMARK_TLS_KEY", file, z.string().min(1, file), null, "the certificate's key"),
  quote_keys_file: setting<string | null>("TIDEMARK_QUOTE_KEYS_FILE", file, z.string().min(1, file), null, "keys that personal quotes are signed with, the first of them, and checked against; read again when it changes; unset: quote-keys.json in the data directory"),
  quote_keys: setting<string | null>("TIDEMARK_QUOTE_KEYS", quoteKeys, z.string().min(1, quoteKeys), null, "the keys themselves, in place of a file"),
  partition: setting<string | null>("TIDEMARK_PARTITION", partitionText, partition, null, "share of the entities that ingest folds; unset: all of them"),
  action_rules: setting<string | null>("TIDEMARK_ACTION_RULES", file, z.string().min(1, file), null, "JSON file that says what is done about learners; unset: the default rules"),
  partition_dirs: setting<string | null>("TIDEMARK_PARTITION_DIRS", `${path}, several separated by commas`, z.string().min(1, path), null, "data directories of all partitions, in order, that prices are served from; unset: the one data directory"),
  events_max_gib: setting("TIDEMARK_EVENTS_MAX_GIB", gib.type, gib.schema, 8, "space that EVENTS may take in the broker, in GiB; beyond it the oldest events leave the stream"),
  events_max_days: setting("TIDEMARK_EVENTS_MAX_DAYS", days.type, days.schema, 400, "age at which events leave the stream, in days; 0: never"),
  archive_dir: setting<string | null>("TIDEMARK_ARCHIVE_DIR", `${path}, or none`, z.string().min(1, path), null, "where EVENTS is archived, so that what left the stream can be folded again; unset: archive in the data directory; none: nowhere"),
  erasure_delay_days: setting("TIDEMARK_ERASURE_DELAY_DAYS", days.type, days.schema, 7, "days after a learner's erasure until their events are made anonymous in the archive and deleted from the stream; replicas must have folded the erasure by then"),
  snapshot_interval_hours: setting("TIDEMARK_SNAPSHOT_INTERVAL_HOURS", snapshotHours.type, snapshotHours.schema, 24, "hours between snapshots of the feature store, which a new host begins with; 0: none"),
  snapshots_kept: setting("TIDEMARK_SNAPSHOTS_KEPT", snapshotsKept.type, snapshotsKept.schema, 3, "snapshots that are kept, the newest"),
  tf_backend: setting("TIDEMARK_TF_BACKEND", tfBackend.type, tfBackend.schema, "auto", "TensorFlow backend of training; auto tries tensorflow, wasm, cpu"),
  serve_workers: setting("TIDEMARK_SERVE_WORKERS", workers.type, workers.schema, availableParallelism(), "processes that answer price calls; default: one a core"),
  train_interval_hours: setting("TIDEMARK_TRAIN_INTERVAL_HOURS", interval.type, interval.schema, 6, "hours between scheduled training runs"),
  ingest_metrics_port: setting("TIDEMARK_INGEST_METRICS_PORT", port.type, port.schema, 0, "port on 127.0.0.1 where ingest tells Prometheus its figures; 0: none"),
  train_metrics_port: setting("TIDEMARK_TRAIN_METRICS_PORT", port.type, port.schema, 0, "port on 127.0.0.1 where the train role tells Prometheus how its champions do; 0: none"),
  seed: setting("TIDEMARK_SEED", seed.type, seed.schema, 1, "seed of the synthetic platform and of training"),
  import_dir: setting<string | null>("TIDEMARK_IMPORT_DIR", path, z.string().min(1, path), null, "directory of CSV tables that `tidemark start` begins with, as `tidemark import` takes them; unset: a synthetic platform"),
  engine_url: setting<string | null>("TIDEMARK_ENGINE_URL", httpUrl, z.string().refine(isHttpUrl, httpUrl), null, "engine that the live simulator asks for prices; unset: the running start's, else host and port above"),
  sim_rate: setting("TIDEMARK_SIM_RATE", rate.type, rate.schema, 20, "views a second of the live simulator; 0: no live traffic", "--rate"),
  learners: setting("TIDEMARK_LEARNERS", learners.type, learners.schema, 10_000, "learners of the synthetic platform"),
  courses: setting("TIDEMARK_COURSES", courses.type, courses.schema, 2_000, "courses of the synthetic platform"),
  teachers: setting("TIDEMARK_TEACHERS", teachers.type, teachers.schema, 500, "teachers of the synthetic platform"),
  enrollments: setting("TIDEMARK_ENROLLMENTS", enrollments.type, enrollments.schema, 50_000, "enrollments in its history, about"),
  weeks: setting("TIDEMARK_WEEKS", weeks.type, weeks.schema, 52, "weeks of its history"),
  log_level: setting("TIDEMARK_LOG_LEVEL", logLevel.type, logLevel.schema, "info", "least important log lines to write"),
} as const;

export type SettingName = keyof typeof settings;
export const settingNames = Object.keys(settings) as SettingName[];
export type Config = { readonly [Name in SettingName]: (typeof settings)[Name]["fallback"] };
