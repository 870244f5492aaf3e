/** The bare framework that the engine is compared with: a POST echo of the JSON body. */
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const app = new Hono();
app.post("/", async (c) => c.json(await c.req.json()));
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, (address) => process.send?.({ port: address.port }));
process.on("disconnect", () => process.exit(0));
