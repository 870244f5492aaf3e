#!/usr/bin/env node
/**
 * Bundles what browsers get: one script, minified, under a name that holds its content's hash, with its compressed forms beside it, and one style sheet, which
 * the server writes into every page. It reads both from dist/pages.
 *
 *   node deploy/pages.mjs
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** Browsers of the last two years: what they lack is not written differently for older ones. */
const TARGET = ["es2023", "chrome123", "firefox121", "safari17.5"];

function named(name, bytes) {
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  return name.replace(/(\.\w+)$/, `-${digest}$1`);
}

/** Returns the names of what was written, by the names that pages know. */
export async function buildPages(root) {
  // Only needed here: a set-up that finds everything in place must run without any package.
  const { build } = await import("esbuild");
  const pages = join(root, "src/serving/pages");
  const { outputFiles } = await build({
    entryPoints: { "tidemark.js": join(pages, "client/main.ts"), "tidemark.css": join(pages, "style/main.css") },
    entryNames: "[name]",
    bundle: true,
    minify: true,
    write: false,
    outdir: join(root, "dist/pages"),
    format: "esm",
    target: TARGET,
    legalComments: "none",
    logLevel: "silent",
  });
  const next = join(root, "dist/pages.next");
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  const manifest = {};
  for (const { path, contents } of outputFiles) {
    if (path.endsWith(".css")) {
      writeFileSync(join(next, "tidemark.css"), contents);
      continue;
    }
    const name = named("tidemark.js", contents);
    manifest["tidemark.js"] = name;
    writeFileSync(join(next, name), contents);
    writeFileSync(join(next, `${name}.br`), brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: contents.length } }));
    writeFileSync(join(next, `${name}.gz`), gzipSync(contents, { level: 9 }));
  }
  writeFileSync(join(next, "manifest.json"), JSON.stringify(manifest));
  rmSync(join(root, "dist/pages"), { recursive: true, force: true });
  renameSync(next, join(root, "dist/pages"));
  return { manifest, bytes: Object.fromEntries(Object.values(manifest).map((name) => [name, readFileSync(join(root, "dist/pages", `${name}.br`)).length])) };
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await buildPages(dirname(dirname(fileURLToPath(import.meta.url))));
  } catch (error) {
    process.stderr.write(`the pages could not be bundled: ${error.message}\n`);
    process.exitCode = 1;
  }
}
