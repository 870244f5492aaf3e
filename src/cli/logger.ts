import { pino, stdTimeFunctions, type DestinationStream, type Logger } from "pino";

/** One JSON line an entry, on standard output unless told otherwise; the supervisor keeps it in the role's log. */
export function createLogger(role: string, level: string, destination?: DestinationStream): Logger {
  const options = { level, base: { role }, timestamp: stdTimeFunctions.isoTime };
  return destination === undefined ? pino(options) : pino(options, destination);
}
