import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nkeys } from "nats";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { testCertificates } from "../lib/testing/certificates.ts";
import { Broker } from "./nats.ts";
import { type NatsServer, startNatsServer } from "./testing/nats-server.ts";

const certificates = testCertificates();

afterAll(() => rmSync(certificates, { recursive: true, force: true }));
const CA = join(certificates, "localhost.pem");

let directory: string;
let server: NatsServer | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tidemark-credentials-"));
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** A server with this authorization, over TLS when asked; resolves with its host and port. */
async function start(authorization: string, tls: boolean): Promise<string> {
  const encryption = tls ? `tls { cert_file: ${JSON.stringify(CA)}, key_file: ${JSON.stringify(join(certificates, "localhost.key"))} }` : "";
  server = await startNatsServer(directory, `authorization { ${authorization} }\n${encryption}`);
  return server.at;
}

/** Whether a connection is made that can create a stream. */
async function works(url: string): Promise<boolean> {
  const broker = await Broker.connect({ url, name: "test", signal: AbortSignal.timeout(5_000) });
  try {
    await broker.ensureStreams();
    return broker.connected;
  } finally {
    await broker.close();
  }
}

describe("a broker that asks who is there", () => {
  test("takes user and password of its URL, over TLS that is checked against the certificates named", async () => {
    const at = await start('user: "tidemark", password: "s3cret/@"', true);
    const password = encodeURIComponent("s3cret/@");
    expect(await works(`tls://tidemark:${password}@${at}?ca=${encodeURIComponent(CA)}`)).toBe(true);
    await expect(works(`tls://tidemark:wrong@${at}?ca=${encodeURIComponent(CA)}`)).rejects.toMatchObject({ code: "broker_unauthorized" });
    await expect(works(`tls://${at}?ca=${encodeURIComponent(CA)}`)).rejects.toMatchObject({ code: "broker_unauthorized" });
    // A certificate that nobody vouches for is as good as no broker: waited for until given up.
    await expect(works(`tls://tidemark:${password}@${at}?ca=${encodeURIComponent(join(certificates, "other.pem"))}`)).rejects.toMatchObject({ code: "broker_unreachable" });
  });

  test("takes a file of credentials, whose seed signs for it, or of a seed alone", async () => {
    const [user, stranger] = [nkeys.createUser(), nkeys.createUser()];
    const at = await start(`users: [{ nkey: ${user.getPublicKey()} }]`, false);
    const creds = async (name: string, seed: Uint8Array): Promise<string> => {
      const path = join(directory, name);
      const jwt = "e30.e30.e30";
      await writeFile(path, `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${new TextDecoder().decode(seed)}\n------END USER NKEY SEED------\n`);
      return path;
    };
    expect(await works(`nats://${at}?creds=${encodeURIComponent(await creds("user.creds", user.getSeed()))}`)).toBe(true);
    await writeFile(join(directory, "user.nk"), `${new TextDecoder().decode(user.getSeed())}\n`);
    expect(await works(`nats://${at}?creds=${encodeURIComponent(join(directory, "user.nk"))}`)).toBe(true);
    await expect(works(`nats://${at}?creds=${encodeURIComponent(await creds("stranger.creds", stranger.getSeed()))}`)).rejects.toMatchObject({ code: "broker_unauthorized" });
    await expect(works(`nats://${at}?creds=${encodeURIComponent(join(directory, "absent"))}`)).rejects.toMatchObject({ code: "bad_broker_credentials" });
  });
});
