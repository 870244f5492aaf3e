export interface SentEvent {
  readonly name: string;
  readonly id: string;
  readonly data: unknown;
}

/** Reads events as a browser would; comments are left out. */
export class SentEvents {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** undefined at the end. */
  async next(): Promise<SentEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) {
        const { done, value } = await this.#reader.read();
        if (done) return undefined;
        this.#text += this.#decoder.decode(value, { stream: true });
        continue;
      }
      const fields = new Map(this.#text.slice(0, end).split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      this.#text = this.#text.slice(end + 2);
      if (fields.has("data")) return { name: fields.get("event") ?? "", id: fields.get("id") ?? "", data: JSON.parse(fields.get("data")!) };
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}
