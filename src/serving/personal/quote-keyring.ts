import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { errorMessage, TidemarkError } from "../../lib/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { QuoteKeys } from "../../pricing/personal/quote-signature.ts";

/** In the data directory, unless another file is named. */
export const QUOTE_KEYS_FILE = "quote-keys.json";

const SECRET_BYTES_MIN = 32;
const KEYS_MAX = 16;
const OTHERS = 0o077;

const keySchema = z.object({
  id: z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, "must be 1 to 32 characters of A-Z a-z 0-9 _ -"),
  /** Base64. */
  secret: z.string().refine((text) => Buffer.from(text, "base64").length >= SECRET_BYTES_MIN, `must be base64 of at least ${SECRET_BYTES_MIN} bytes`),
});
const keysSchema = z
  .object({ keys: z.array(keySchema).min(1).max(KEYS_MAX) })
  .refine(({ keys }) => new Set(keys.map(({ id }) => id)).size === keys.length, { message: "two keys have the same id", path: ["keys"] });

/** Reads `{"keys": [{"id": …, "secret": …}, …]}`, of which the first signs. Throws TidemarkError `bad_quote_keys`, which never shows a secret. */
export function parseQuoteKeys(text: string, source: string): QuoteKeys {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new TidemarkError("bad_quote_keys", `${source} is no JSON`);
  }
  const parsed = keysSchema.safeParse(value);
  const issue = parsed.error?.issues[0];
  if (issue !== undefined) throw new TidemarkError("bad_quote_keys", `${source}: ${issue.path.map(String).join(".") || "the document"}: ${issue.message}`);
  const [first, ...others] = parsed.data!.keys.map(({ id, secret }) => ({ id, secret: new Uint8Array(Buffer.from(secret, "base64")) }));
  return [first!, ...others];
}

/** Makes a key of one's own where there is no file yet: for a platform that somebody tries. Only its owner can read the file. */
export function ensureQuoteKeys(path: string): void {
  if (existsSync(path)) return;
  const text = JSON.stringify({ keys: [{ id: `demo-${randomBytes(4).toString("hex")}`, secret: randomBytes(SECRET_BYTES_MIN).toString("base64") }] });
  try {
    writeFileSync(path, `${text}\n`, { mode: 0o600, flag: "wx" });
    chmodSync(path, 0o600);
  } catch (error) {
    // Another process made it in between.
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
  }
}

/**
 * The keys that quotes are signed with, read anew when their file changes: a key is replaced by putting another before it and taking the old one out once its quotes
 * are over. What cannot be read leaves the keys as they were, and is told once.
 */
export class QuoteKeyring {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #fixed: boolean;
  #text = "";
  #keys: QuoteKeys | undefined;
  #told = "";

  /** `text`: keys in place of a file. Throws TidemarkError `bad_quote_keys` for those. */
  constructor(path: string, logger: Logger, text?: string) {
    this.#path = path;
    this.#logger = logger;
    this.#fixed = text !== undefined;
    if (text !== undefined) this.#keys = parseQuoteKeys(text, "TIDEMARK_QUOTE_KEYS");
    this.check();
  }

  /** undefined: there are none, and no quote can be promised. */
  get keys(): QuoteKeys | undefined {
    return this.#keys;
  }

  /** Called every second. */
  check(): void {
    if (this.#fixed) return;
    try {
      const text = readFileSync(this.#path, "utf8");
      if (text === this.#text) return;
      this.#keys = parseQuoteKeys(text, this.#path);
      this.#text = text;
      this.#told = "";
      this.#logger.info({ path: this.#path, keys: this.#keys.map(({ id }) => id) }, "quotes are signed with the first of these keys");
      this.#warnOthers();
    } catch (error) {
      this.#tell(errorMessage(error));
    }
  }

  #warnOthers(): void {
    if ((statSync(this.#path).mode & OTHERS) !== 0) this.#logger.warn({ path: this.#path }, "the file of quote keys can be read by others than its owner: chmod 600");
  }

  #tell(reason: string): void {
    if (reason !== this.#told) this.#logger.warn({ path: this.#path, reason }, this.#keys === undefined ? "there are no quote keys: personal prices are list prices" : "the quote keys cannot be read; those from before stay");
    this.#told = reason;
  }
}
