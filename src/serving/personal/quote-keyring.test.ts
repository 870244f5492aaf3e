import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { silentLogger } from "../../lib/log.ts";
import { ensureQuoteKeys, parseQuoteKeys, QuoteKeyring } from "./quote-keyring.ts";

const directory = mkdtempSync(join(tmpdir(), "tidemark-keys-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const secret = (byte: number): string => Buffer.alloc(32, byte).toString("base64");
const file = (...ids: readonly string[]): string => JSON.stringify({ keys: ids.map((id, i) => ({ id, secret: secret(i) })) });

test("a key of one's own is made once, for its owner alone", () => {
  const path = join(directory, "own.json");
  ensureQuoteKeys(path);
  const text = readFileSync(path, "utf8");
  ensureQuoteKeys(path);
  expect(readFileSync(path, "utf8")).toBe(text);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(new QuoteKeyring(path, silentLogger).keys).toHaveLength(1);
});

test("keys follow their file; what cannot be read leaves them, and is told once", () => {
  const path = join(directory, "keys.json");
  const told: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, message: string) => void told.push(message), info: () => undefined };
  const ring = new QuoteKeyring(path, logger);
  ring.check();
  expect([ring.keys, told]).toEqual([undefined, ["there are no quote keys: personal prices are list prices"]]);
  writeFileSync(path, file("k1"), { mode: 0o600 });
  ring.check();
  expect(ring.keys?.map(({ id }) => id)).toEqual(["k1"]);
  writeFileSync(path, file("k2", "k1"));
  ring.check();
  expect(ring.keys?.map(({ id }) => id)).toEqual(["k2", "k1"]);
  for (let i = 0; i < 3; i++) {
    writeFileSync(path, "{");
    ring.check();
  }
  expect(ring.keys?.map(({ id }) => id)).toEqual(["k2", "k1"]);
  expect(told.slice(1)).toEqual(["the quote keys cannot be read; those from before stay"]);
  writeFileSync(path, file("k3"));
  chmodSync(path, 0o644);
  ring.check();
  expect(told.at(-1)).toContain("chmod 600");
});

test.each([
  ["no JSON", "secret stuff"],
  ["no keys", JSON.stringify({ keys: [] })],
  ["a short secret", JSON.stringify({ keys: [{ id: "k", secret: "c2VjcmV0" }] })],
  ["a strange id", JSON.stringify({ keys: [{ id: "a.b", secret: secret(1) }] })],
  ["an id twice", file("k", "k")],
])("%s is refused without a word of the secret", (_name, text) => {
  expect(() => parseQuoteKeys(text, "the file")).toThrow(/^the file/);
  expect(() => parseQuoteKeys(text, "the file")).not.toThrow(/secret stuff|c2VjcmV0/);
});
