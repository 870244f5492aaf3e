import { rmSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { Hono } from "hono";
import { afterAll, expect, test } from "vitest";
import { systemClock } from "../lib/clock.ts";
import { testCertificates } from "../lib/testing/certificates.ts";
import { readCertificates } from "./certificates.ts";
import { HttpServer } from "./http-server.ts";

const certificates = testCertificates();
const path = (name: string): string => join(certificates, name);

afterAll(() => rmSync(certificates, { recursive: true, force: true }));
const localhost = { cert: path("localhost.pem"), key: path("localhost.key") };
const other = { cert: path("other.pem"), key: path("other.key") };

/** Whose certificate a new connection is shown, and by which version of the protocol. */
function shown(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(`${String(socket.getPeerCertificate().subject.CN)} ${socket.getProtocol()}`);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("a certificate that was renewed is shown to new connections, and one that cannot be read changes nothing", async () => {
  const server = new HttpServer(new Hono(), systemClock, { tls: await readCertificates(localhost) });
  const port = await server.listen("127.0.0.1", 0);
  try {
    expect(await shown(port)).toBe("localhost TLSv1.3");
    await expect(server.renew(() => readCertificates({ ...other, key: path("absent") }))).rejects.toMatchObject({ code: "bad_certificate" });
    expect(await shown(port)).toBe("localhost TLSv1.3");
    await server.renew(() => readCertificates(other));
    expect(await shown(port)).toBe("other TLSv1.3");
  } finally {
    await server.drain();
  }
});

test("files that do not belong together, or hold something else, stop the start and are named", async () => {
  expect(await readCertificates(undefined)).toBeUndefined();
  for (const paths of [{ cert: localhost.cert, key: other.key }, { cert: localhost.key, key: localhost.cert }, { cert: path("absent"), key: localhost.key }, { cert: import.meta.filename, key: localhost.key }]) {
    await expect(readCertificates(paths)).rejects.toMatchObject({ code: "bad_certificate", message: expect.stringContaining(paths.cert) });
  }
});
