import type { Context } from "hono";
import { sessionKeyOf } from "./session.ts";

const BEARER = /^Bearer +(\S+)$/i;

/** `Authorization: Bearer <key>` or `X-API-Key: <key>`; where both are given they have to agree. Without either, what a browser keeps of a log-in. */
export function presentedKey({ req }: Context): string | undefined {
  const authorization = req.header("authorization");
  const plain = req.header("x-api-key");
  if (authorization === undefined && plain === undefined) return sessionKeyOf(req);
  const bearer = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
  return authorization !== undefined && plain !== undefined && bearer !== plain ? undefined : (bearer ?? plain);
}
