import type { ServeOptions } from "./options.ts";

/** Runs the serve role until `options.signal` aborts and everything in flight is finished. */
export async function runServeRole(options: ServeOptions): Promise<void> {
  options.logger.info({ host: options.host, port: options.port }, "serving");
}
