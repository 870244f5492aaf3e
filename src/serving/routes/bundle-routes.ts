import { bundleAnswerSchema, bundleBodySchema } from "../../contracts/bundle.ts";
import { readBody } from "../body.ts";
import type { BundleService } from "../bundles/bundle-service.ts";
import { jsonInit } from "../headers.ts";
import type { Route } from "../route.ts";

export function registerBundles(route: Route, bundles: BundleService): void {
  route(
    {
      method: "POST",
      path: "/bundle_price",
      role: "price",
      summary: "the price of 2 to 20 courses together, between the dearest of them and their sum",
      body: bundleBodySchema,
      answer: bundleAnswerSchema,
      example: { body: { course_ids: ["C00001", "C00002"] } },
    },
    async (context) => new Response(await bundles.answer(await readBody(context, bundleBodySchema)), jsonInit),
  );
}
