import type { Prng } from "../../lib/prng.ts";

// JSON text that stands in for a value: text, because much of it is nothing that JSON.stringify would write.
const numbers = ["null", "true", "false", "0", "-0", "1", "-1", "1.5", "1e308", "-1e308", "1e999", "-1e999", "1e-400", "9007199254740993", "123456789012345678901234567890", "0.1e-7", "NaN", "Infinity", "0x10", "01", "+1", ".5", "1.", "1_000"];
const words = ['""', '" "', '"0"', '"null"', '"true"', '"1e999"', '"__proto__"', '"constructor"', '"prototype"', '"toString"', '"hasOwnProperty"', '"valueOf"', '"then"', '"$ref"', '"c1"', '"l1"', '"C00001"', '"L000001"', '"programming"'];
const texts = ['"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\\ufeff"', '"\\u202e"', '"ÿ"', '"𝕮𝖔𝖚𝖗𝖘𝖊"', '"e\\u0301"', '"İ"', '"🧨"', '"\\n\\r\\t"', '"../../etc/passwd"', '"..\\\\..\\\\x"', '"%2e%2e%2f"', '"*"', '">"', '"c.>"', '"a b"', '"\'; DROP TABLE prices; --"', '"<script>alert(1)</script>"', '"${jndi:ldap://x}"', '"{{7*7}}"', '"2026-13-45T99:99:99Z"', '"2026-03-01T12:00:00Z"', '"+275760-09-13T00:00:00.001Z"', '"-000001-01-01T00:00:00Z"'];
const shapes = ["[]", "{}", "[null]", "[[]]", "{\"\":0}", '{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"x":1}}}', '{"toString":1,"valueOf":1}', '{"toJSON":1}', '{"length":1e9}', "[1e999]", "undefined", "'x'", "{a:1}", "[1,]", "/**/1"];
const literals: readonly string[] = [...numbers, ...words, ...texts, ...shapes];

export function pick<Value>(random: Prng, values: readonly Value[]): Value {
  return values[random.integer(values.length)]!;
}

/** JSON text, or what pretends to be. */
export function hostileText(random: Prng): string {
  switch (random.integer(12)) {
    case 0:
      return nested(random, "[", "]");
    case 1:
      return nested(random, '{"a":', "}");
    case 2:
      return JSON.stringify("x".repeat(random.integer(70_000)));
    case 3:
      return `[${Array.from({ length: random.integer(3_000) }, () => pick(random, literals)).join(",")}]`;
    case 4:
      return JSON.stringify(String.fromCharCode(...Array.from({ length: random.integer(40) }, () => random.integer(65_536))));
    case 5:
      return `{${Array.from({ length: random.integer(2_000) }, (_, i) => `"k${i}":${i}`).join(",")}}`;
    default:
      return pick(random, literals);
  }
}

function nested(random: Prng, open: string, close: string): string {
  const depth = 1 + random.integer(pick(random, [10, 1_000, 12_000]));
  return `${open.repeat(depth)}${open === "[" ? "" : "1"}${close.repeat(depth)}`;
}

/** Parts of paths. */
const names = ["c1", "l1", "C00001", "L000001", "nobody", "__proto__", "constructor", "toString", "..", ".", "%2e%2e", "%2e%2e%2f", "..%2f..%2fmetrics", "%00", "c1%00", "%", "%f", "%ff", "%c0%af", "%ed%a0%80", "%u0041", "c1%2Fl1", "c1/l1", "c1;x=y", "c1?", "c1#x"];
const odd = ["%20", "c1%20", "%63%31", "C1", "\u00e9", "%F0%9F%A7%A8", "*", ">", "c.>", "$where", "{id}", ":id", "null", "undefined", "0", "-1", "1e999", "x".repeat(65), "x".repeat(5_000), "%00".repeat(1_000), "2026-01-31", "2026-99-99", "course", "learner_course", "price_history", "platform", "q_1", "default", "default-1", "swagger-ui.css", "package.json"];
export const hostileSegments: readonly string[] = [...names, ...odd];

export const hostileHeaders: readonly (readonly [string, string])[] = [
  ["content-type", "application/json; charset=utf-16"],
  ["content-type", "text/plain"],
  ["content-type", "application/x-ndjson"],
  ["content-type", "multipart/form-data; boundary="],
  ["content-type", "application/json, application/json"],
  ["content-encoding", "gzip"],
  ["content-length", "0"],
  ["content-length", "-1"],
  ["content-length", "99999999999999999999"],
  ["content-length", "1e3"],
  ["transfer-encoding", "chunked"],
  ["accept", "*/*;q=0.0000"],
  ["accept", "text/html;".repeat(500)],
  ["if-none-match", "*"],
  ["if-none-match", 'W/"x", '.repeat(500)],
  ["if-none-match", '"'],
  ["last-event-id", "C1.S1.Q1"],
  ["last-event-id", "C999999999999999"],
  ["last-event-id", "__proto__"],
  ["authorization", "Bearer tmk_0000000000000000_0000000000000000000000000000000000000000000"],
  ["authorization", "Bearer __proto__"],
  ["authorization", `Bearer ${"x".repeat(8_000)}`],
  ["authorization", "Basic Og=="],
  ["x-api-key", "constructor"],
  ["x-request-id", "<script>"],
  ["x-request-id", "x".repeat(9_000)],
  ["x-http-method-override", "DELETE"],
  ["x-original-url", "/metrics"],
  ["x-forwarded-for", "127.0.0.1, ::1"],
  ["forwarded", "for=127.0.0.1;proto=https"],
  ["origin", "null"],
  ["origin", "https://shop.example.evil"],
  ["access-control-request-method", "DELETE"],
  ["traceparent", "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff"],
  ["traceparent", "__proto__"],
  ["cookie", "a=b; ".repeat(1_000)],
  ["range", "bytes=0-,0-,0-"],
  ["expect", "200-ok"],
  ["te", "trailers"],
];

export const hostileMethods: readonly string[] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "LOCK", "SEARCH", "get", "Post"];
