import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Context } from "hono";
import { z } from "zod";
import { TidemarkError } from "../../lib/errors.ts";
import { contentHash, isKnown } from "../etag.ts";
import { ProblemError } from "../problem.ts";

const TYPES: Readonly<Record<string, string>> = { ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml" };
const manifestSchema = z.object({ "tidemark.js": z.string() });

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6e69"/><path d="M3 21c4 0 4-5 8.5-5s5 5 9.5 5 4.500-5 8-5v9a4 4 0 0 1-4 4H7a4 4 0 0 1-4-4z" fill="#bdeee7"/><path d="M3 13c4 0 4-5 8.5-5s5 5 9.5 5 4.500-5 8-5" fill="none" stroke="#fff" stroke-width="2.5" stroke-linecap="round"/></svg>`;

interface Asset {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tag: string;
  /** Compressed forms, by their name in Accept-Encoding. */
  readonly encoded: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly immutable: boolean;
}

const bytesOf = (file: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(file));

/** What browsers get besides a page's own figures: read once, and the same for the life of the process. */
export class Assets {
  /** Address of the script. */
  readonly script: string;
  /** The style sheet, which stands in every page: a page that had to fetch it could not be painted before a second answer. */
  readonly style: string;
  /** What the Content-Security-Policy lets in of inline style: this sheet, by its hash, and no other. */
  readonly style_source: string;
  readonly #assets = new Map<string, Asset>();

  private constructor(directory: string) {
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8")));
    this.script = `/assets/${manifest["tidemark.js"]}`;
    this.style = readFileSync(join(directory, "tidemark.css"), "utf8");
    this.style_source = `'sha256-${createHash("sha256").update(this.style).digest("base64")}'`;
    for (const name of readdirSync(directory)) {
      const type = TYPES[/\.\w+$/.exec(name)?.[0] ?? ""];
      if (type === undefined) continue;
      const bytes = bytesOf(join(directory, name));
      const encoded = new Map(([["br", ".br"], ["gzip", ".gz"]] as const).flatMap(([encoding, suffix]) => (existsSync(join(directory, name + suffix)) ? [[encoding, bytesOf(join(directory, name + suffix))]] : [])));
      this.#assets.set(name, { type, bytes, tag: contentHash(Buffer.from(bytes).toString("latin1")), encoded, immutable: true });
    }
    this.#assets.set("tidemark.svg", { type: "image/svg+xml", bytes: new Uint8Array(Buffer.from(ICON)), tag: contentHash(ICON), encoded: new Map(), immutable: false });
  }

  /** Throws TidemarkError `pages_not_built`. */
  static read(directory: string): Assets {
    if (!existsSync(join(directory, "manifest.json"))) {
      throw new TidemarkError("pages_not_built", `${directory} holds no script and no style sheet for pages: \`npm run build\` makes them`);
    }
    return new Assets(directory);
  }

  /** GET /assets/{name}. Names hold a hash of the content, so that browsers never ask again. Throws ProblemError. */
  answer(context: Context): Response {
    const asset = this.#assets.get(context.req.param("name") ?? "");
    if (asset === undefined) throw new ProblemError("not_found", "There is no such file. Reload the page that asked for it.");
    const { type, tag, encoded, immutable } = asset;
    const headers = {
      "content-type": type,
      "cache-control": immutable ? "public, max-age=31536000, immutable" : "public, max-age=3600",
      etag: `W/"${tag}"`,
      vary: "accept-encoding",
      "x-content-type-options": "nosniff",
    };
    if (isKnown(context.req.header("if-none-match"), `"${tag}"`)) return new Response(null, { status: 304, headers });
    const accepted = context.req.header("accept-encoding") ?? "";
    for (const [encoding, bytes] of encoded) {
      if (new RegExp(`\\b${encoding}\\b(?!\\s*;\\s*q=0(?:\\.0+)?\\s*(?:,|$))`).test(accepted)) return new Response(bytes, { headers: { ...headers, "content-encoding": encoding } });
    }
    return new Response(asset.bytes, { headers });
  }
}

/** Where the build puts them: seen from the sources and from the build alike. */
export function assetsDirectory(): string {
  const above = join(import.meta.dirname, "../../..");
  return existsSync(join(above, "dist/pages")) ? join(above, "dist/pages") : join(above, "pages");
}
