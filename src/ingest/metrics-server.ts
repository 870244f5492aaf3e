import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { errorMessage, TidemarkError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

const LOOPBACK = "127.0.0.1";

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Where the port comes from, for those who have to choose another. */
export interface MetricsPort {
  readonly port: number;
  readonly variable: string;
}

/** The server of a role that was given a port other than 0. */
export async function serveMetrics(registry: Registry, from: MetricsPort, logger: Logger): Promise<MetricsServer | undefined> {
  if (from.port === 0) return undefined;
  const server = await startMetricsServer(registry, from, logger);
  logger.info({ url: `http://${LOOPBACK}:${server.port}/metrics` }, "metrics");
  return server;
}

/**
 * GET /metrics in Prometheus' text format, on loopback alone. Port 0 takes a free one. Throws TidemarkError
 * `address_in_use` or `cannot_listen`.
 */
export function startMetricsServer(registry: Registry, { port, variable }: MetricsPort, logger: Logger): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.url !== "/metrics" || (request.method !== "GET" && request.method !== "HEAD")) {
      response.writeHead(404).end();
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { "content-type": registry.contentType, "cache-control": "no-store" }).end(text),
      (error: unknown) => {
        logger.error({ error: errorMessage(error) }, "metrics cannot be told");
        response.writeHead(500).end();
      },
    );
  });
  return new Promise((resolve, reject) => {
    const failed = (error: Error & { code?: string }): void => {
      const taken = error.code === "EADDRINUSE";
      const message = taken ? `${LOOPBACK}:${port} is in use: choose another port with ${variable}` : `cannot listen on ${LOOPBACK}:${port}: ${errorMessage(error)}`;
      reject(new TidemarkError(taken ? "address_in_use" : "cannot_listen", message, { cause: error }));
    };
    server.once("error", failed);
    server.listen(port, LOOPBACK, () => {
      server.off("error", failed);
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}
