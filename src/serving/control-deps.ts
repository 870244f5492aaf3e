import type { PersonalisationDeps } from "./routes/personalisation-routes.ts";

/** What the endpoints need that look at what CONTROL holds, and change it. */
export interface ControlDeps extends PersonalisationDeps {}
