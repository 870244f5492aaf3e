import { ServerResponse } from "node:http";
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from "node:http";

type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[];

/**
 * The response class of one server. Once `state.closing`, every answer says `connection: close`, also the answer of a
 * request that was under way when closing began: decided when the head is written, so it costs nothing before.
 */
export function closingResponse(state: { readonly closing: boolean }): typeof ServerResponse<IncomingMessage> {
  return class extends ServerResponse<IncomingMessage> {
    override writeHead(status: number, message?: string, headers?: Headers): this;
    override writeHead(status: number, headers?: Headers): this;
    override writeHead(status: number, message?: string | Headers, headers?: Headers): this {
      if (state.closing) this.shouldKeepAlive = false;
      return typeof message === "string" ? super.writeHead(status, message, headers) : super.writeHead(status, message);
    }
  };
}
