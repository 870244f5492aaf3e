import { Prng } from "../../lib/prng.ts";
import { hostileHeaders, hostileMethods, hostileSegments, hostileText, pick } from "./hostile-values.ts";

type Schema = { readonly [key: string]: unknown };

export interface DocumentedOperation {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: Schema; readonly example?: unknown }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema; readonly example?: unknown }>> };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** The part of an OpenAPI document that requests are made from. */
export interface DocumentedPaths {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
}

export interface HostileRequest {
  readonly method: string;
  /** With the query, as it is to be sent. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  /** The operation that it was made from; the request may reach another one, or none. */
  readonly template: string;
}

/**
 * Requests that an OpenAPI document invites to and that it forbids: of the right shape with one or some values exchanged, keys doubled, text cut or bytes
 * flipped, on paths with parts exchanged, with headers that lie. The same seed gives the same requests.
 */
export class HostileRequests {
  readonly #random: Prng;
  readonly #operations: readonly { readonly template: string; readonly method: string; readonly operation: DocumentedOperation }[];

  constructor(document: DocumentedPaths, seed: number | string) {
    this.#random = new Prng(seed);
    this.#operations = Object.entries(document.paths).flatMap(([template, methods]) => Object.entries(methods).map(([method, operation]) => ({ template, method: method.toUpperCase(), operation })));
  }

  next(): HostileRequest {
    const random = this.#random;
    const { template, method, operation } = pick(random, this.#operations);
    const [type, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
    const body = media === undefined ? (random.integer(20) === 0 ? this.#bytes(hostileText(random)) : undefined) : this.#bytes(this.#bodyText(media));
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    while (random.integer(4) === 0) {
      const [name, value] = pick(random, hostileHeaders);
      headers[name] = value;
    }
    return { method: random.integer(15) === 0 ? pick(random, hostileMethods) : method, target: this.#path(template, operation) + this.#query(operation), headers, body, template };
  }

  #path(template: string, { parameters = [] }: DocumentedOperation): string {
    const random = this.#random;
    const filled = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const example = parameters.find((parameter) => parameter.in === "path" && parameter.name === name)?.example;
      return example !== undefined && random.integer(2) === 0 ? String(example) : pick(random, hostileSegments);
    });
    switch (random.integer(25)) {
      case 0:
        return `${filled}/`;
      case 1:
        return `${filled}/${pick(random, hostileSegments)}`;
      case 2:
        return `/${pick(random, hostileSegments)}${filled}`;
      case 3:
        return filled.toUpperCase();
      case 4:
        return filled.replaceAll(/[a-z]/g, (letter) => (random.integer(3) === 0 ? `%${letter.charCodeAt(0).toString(16)}` : letter));
      default:
        return filled;
    }
  }

  #query({ parameters = [] }: DocumentedOperation): string {
    const random = this.#random;
    const parts: string[] = [];
    for (const { name, example } of parameters.filter((parameter) => parameter.in === "query")) {
      const kind = random.integer(4);
      if (kind === 0) continue;
      const value = kind === 1 && example !== undefined ? String(example) : random.integer(2) === 0 ? pick(random, hostileSegments) : encodeURIComponent(hostileText(random).slice(0, 300).replaceAll(/[\ud800-\udfff]/g, ""));
      parts.push(`${name}=${value}`);
      if (random.integer(10) === 0) parts.push(`${name}=${pick(random, hostileSegments)}`, `${name}[]=1`, `${name}[__proto__]=1`);
    }
    if (random.integer(10) === 0) parts.push(pick(random, ["__proto__=1", "constructor[prototype]=1", "&&&===", "a".repeat(3_000), "%", "%ff=%ff", "=", "key=x"]));
    return parts.length === 0 ? "" : `?${parts.join("&").replaceAll("#", "%23")}`;
  }

  /** Mostly the example with some values exchanged: what is wrong all over does not get past the first check. */
  #bodyText({ example }: { readonly example?: unknown }): string {
    const random = this.#random;
    if (example === undefined || random.integer(12) === 0) return hostileText(random);
    let text = this.#write(example, 0.6);
    if (random.integer(12) === 0) text = text.slice(0, random.integer(text.length + 1));
    if (random.integer(20) === 0) text = pick(random, ["\ufeff", " \n", "\u0000", "//x\n"]) + text;
    if (random.integer(20) === 0) text += pick(random, ["}", ",", "\u0000", text]);
    return text;
  }

  /** JSON text of a value, with values and keys exchanged, doubled and added here and there. */
  #write(value: unknown, mutation: number): string {
    const random = this.#random;
    if (random.uniform() < mutation / 8) return hostileText(random);
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#write(item, mutation));
      if (random.uniform() < mutation / 10) items.push(...Array.from({ length: random.integer(1_500) }, () => items[0] ?? "1"));
      return `[${items.join(",")}]`;
    }
    if (typeof value !== "object" || value === null) return random.uniform() < mutation / 3 ? hostileText(random) : JSON.stringify(value);
    const members: string[] = [];
    for (const [key, member] of Object.entries(value)) {
      if (random.uniform() < mutation / 10) continue;
      members.push(`${JSON.stringify(key)}:${this.#write(member, mutation)}`);
      if (random.uniform() < mutation / 10) members.push(`${JSON.stringify(key)}:${hostileText(random)}`);
    }
    if (random.uniform() < mutation / 5) members.push(`${JSON.stringify(pick(random, ["__proto__", "constructor", "toString", "", "extra", "\u0000", "course_features", "learner_id"]))}:${hostileText(random)}`);
    return `{${members.join(",")}}`;
  }

  #bytes(text: string): Uint8Array<ArrayBuffer> {
    const bytes = new TextEncoder().encode(text);
    if (this.#random.integer(25) === 0) for (let flips = 0; flips < 3 && bytes.length > 0; flips++) bytes[this.#random.integer(bytes.length)] = this.#random.integer(256);
    return bytes;
  }
}
