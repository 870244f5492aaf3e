/** What a worker and its primary say to each other, over the process channel; role reports travel there, too. */
export type WorkerMessage =
  | { readonly type: "metrics_request"; readonly request: number }
  /** Answers a `metrics_collect` with prom-client's metrics as JSON. */
  | { readonly type: "metrics_values"; readonly collection: number; readonly values: readonly object[] };

export type PrimaryMessage =
  | { readonly type: "drain" }
  | { readonly type: "metrics_collect"; readonly collection: number }
  | { readonly type: "metrics_text"; readonly request: number; readonly text: string };

const types = new Set<unknown>(["metrics_request", "metrics_values", "drain", "metrics_collect", "metrics_text"]);

/** Whether a message of the process channel is one of these; other libraries use the channel, too. */
export function isClusterMessage(message: unknown): message is WorkerMessage | PrimaryMessage {
  return typeof message === "object" && message !== null && "type" in message && types.has(message.type);
}
