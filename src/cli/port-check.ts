import { createServer } from "node:net";
import { TidemarkError } from "../lib/errors.ts";

/** Throws `port_in_use` or `address_unavailable` when nothing could listen there. */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explain(host, port, error)));
    server.listen({ host, port, exclusive: true }, () => resolve());
  });
  await new Promise((resolve) => server.close(resolve));
}

function explain(host: string, port: number, error: NodeJS.ErrnoException): TidemarkError {
  if (error.code === "EADDRINUSE") {
    return new TidemarkError("port_in_use", `port ${port} on ${host} is in use by another program: stop it, or choose another with --port or TIDEMARK_PORT`);
  }
  return new TidemarkError("address_unavailable", `cannot listen on ${host} port ${port} (${error.code ?? error.message}): choose another with --host, --port`);
}
