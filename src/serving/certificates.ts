import { createSecureContext } from "node:tls";
import { readFile } from "node:fs/promises";
import { errorMessage, TidemarkError } from "../lib/errors.ts";

/** In PEM: the certificate with those between it and the root, and its key. */
export interface Certificates {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Throws TidemarkError `bad_certificate` that names the files. */
export async function readCertificates(paths: { readonly cert: string; readonly key: string } | undefined): Promise<Certificates | undefined> {
  if (paths === undefined) return undefined;
  try {
    const certificates = { cert: await readFile(paths.cert), key: await readFile(paths.key) };
    createSecureContext(certificates);
    return certificates;
  } catch (error) {
    throw new TidemarkError("bad_certificate", `${paths.cert} and ${paths.key} (TIDEMARK_TLS_CERT, TIDEMARK_TLS_KEY) are no certificate with its key: ${errorMessage(error)}`, { cause: error });
  }
}
