import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory with two self-signed certificates for this machine, `localhost` and `other` (`<name>.pem`, `<name>.key`), made anew: no key lies in the repository. Needs openssl. */
export function testCertificates(): string {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-certificates-"));
  for (const name of ["localhost", "other"]) {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", join(directory, `${name}.key`)];
    const certificate = ["-x509", "-days", "2", "-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", join(directory, `${name}.pem`)];
    execFileSync("openssl", ["req", ...certificate, ...key], { stdio: "ignore" });
  }
  return directory;
}
