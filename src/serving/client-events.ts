import type { StreamEvent, StreamNotice } from "../contracts/live-stream.ts";
import type { ClientTransport, Query } from "./client-transport.ts";

/** An event of GET /stream: of a topic, or a notice. `id` goes on from here in a later process. */
export type ClientEvent = { readonly id: string; readonly topic: StreamEvent["topic"]; readonly event: StreamEvent } | { readonly id: string; readonly notice: StreamNotice; readonly data: unknown };

const notices: ReadonlySet<string> = new Set<StreamNotice>(["ready", "gap", "dropped", "closing"]);
const PAUSE_MS = 2_000;

/** Events until `signal` aborts: after a lost connection it goes on behind the last one that arrived. Throws only what the first connection throws. */
export async function* clientEvents(transport: ClientTransport, query: Query, signal: AbortSignal): AsyncGenerator<ClientEvent, void> {
  let id = "";
  for (let first = true; !signal.aborted; first = false) {
    try {
      const response = await transport.open("/stream", { query, headers: { accept: "text/event-stream", ...(id === "" ? {} : { "last-event-id": id }) } }, signal);
      for await (const event of eventsOf(response, signal)) {
        id = event.id;
        yield event;
      }
    } catch (error) {
      if (first && !signal.aborted) throw error;
    }
    if (!signal.aborted) await transport.sleep(PAUSE_MS);
  }
}

async function* eventsOf(response: Response, signal: AbortSignal): AsyncGenerator<ClientEvent, void> {
  const reader = response.body?.getReader();
  const leave = (): void => void reader?.cancel().catch(() => undefined);
  signal.addEventListener("abort", leave, { once: true });
  try {
    let text = "";
    const decoder = new TextDecoder();
    for (let read = await reader?.read(); read?.done === false && !signal.aborted; read = await reader?.read()) {
      text += decoder.decode(read.value, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const event = eventOf(text.slice(0, end));
        text = text.slice(end + 2);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    // Also when the loop outside is left.
    signal.removeEventListener("abort", leave);
    leave();
  }
}

function eventOf(block: string): ClientEvent | undefined {
  const field = (name: string): string | undefined => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const [name, data, id = ""] = [field("event"), field("data"), field("id")];
  if (name === undefined || data === undefined) return undefined;
  if (notices.has(name)) return { id, notice: name as StreamNotice, data: JSON.parse(data) };
  const event = JSON.parse(data) as StreamEvent;
  return { id, topic: event.topic, event };
}
