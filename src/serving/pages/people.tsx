import { firstIds } from "../../features/first-ids.ts";
import { type FeatureSource, mustFeatures } from "../feature-source.ts";
import { type Page, platformSubject } from "./page.ts";
import { Empty } from "./parts.tsx";

/** Ids that are offered; anybody else is found by typing the id. */
const OFFERED = 60;

/** /teacher and /learner: finding somebody. */
export function peoplePage(kind: "teacher" | "learner", features: FeatureSource): Page {
  const title = kind === "teacher" ? "Teachers" : "Learners";
  return {
    path: `/${kind}`,
    place: kind,
    summary: `finds a ${kind}`,
    subject: platformSubject,
    content: ({ context }) => {
      const asked = new URL(context.req.url).searchParams.get("id") ?? "";
      const { store } = mustFeatures(features);
      const ids = firstIds(store, kind, asked === "" ? "" : asked.slice(0, -1), 5_000).filter((id) => id.startsWith(asked)).slice(0, OFFERED);
      return {
        title,
        body: (
          <>
            <h1>{title}</h1>
            <form class="toolbar" method="get" action={`/${kind}`} role="search">
              <label class="grow">
                <span>Id, or how it begins</span>
                <input type="search" name="id" value={asked} maxlength={64} autocomplete="off" />
              </label>
              <button type="submit">Find</button>
            </form>
            {ids.length === 0 ? (
              <Empty title="Nobody">{asked === "" ? `No event of a ${kind} has arrived yet.` : `No id of a ${kind} begins with these letters.`}</Empty>
            ) : (
              <ul class="ids">
                {ids.map((id) => (
                  <li>
                    <a href={`/${kind}/${id}`}>{id}</a>
                  </li>
                ))}
              </ul>
            )}
          </>
        ),
      };
    },
  };
}
