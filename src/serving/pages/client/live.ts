import { Idiomorph } from "idiomorph";
import { drawChart } from "./charts.ts";
import { tellTimes } from "./times.ts";

/** Between two looks that events of the stream ask for. */
const SOONEST_MS = 1_000;
const PENDING_MS = 800;
/** Longer than the server keeps a page. */
const KEPT_MS = 1_300;
/** After failures the next look comes later, up to so much later. */
const BACK_OFF_MAX = 8;

/** What the browser's own scripts fill, and an update leaves as it is. */
const OWN = "[data-board], [data-board-count], [data-what-if], [data-readout], [data-training], [data-outcome], [data-dialog], time[data-ago], [data-offer], form[data-form]:not([data-follows])";

/** Texts of the figures as they were shown last. */
const shown = new WeakMap<Element, string>();

function morph(main: HTMLElement, next: HTMLElement): void {
  Idiomorph.morph(main, next.innerHTML, {
    morphStyle: "innerHTML",
    ignoreActiveValue: true,
    callbacks: {
      beforeNodeMorphed: (old, fresh) => {
        if (!(old instanceof Element) || !(fresh instanceof Element)) return true;
        if (old instanceof HTMLElement && fresh instanceof HTMLElement && old.dataset["chart"] !== undefined) {
          if (fresh.dataset["chart"] !== undefined && old.dataset["chart"] !== fresh.dataset["chart"]) {
            old.dataset["chart"] = fresh.dataset["chart"];
            drawChart(old);
          }
          return false;
        }
        if (old.matches("time[data-ago]")) {
          const time = fresh.getAttribute("datetime");
          if (time !== null) old.setAttribute("datetime", time);
          return false;
        }
        return !old.matches(OWN);
      },
      // An opened part stays open.
      beforeAttributeUpdated: (name, element) => !(name === "open" && element instanceof HTMLDetailsElement),
      afterNodeMorphed: (old) => {
        if (!(old instanceof HTMLElement) || !("value" in old.dataset)) return;
        const before = shown.get(old);
        shown.set(old, old.textContent);
        if (before !== undefined && before !== old.textContent) {
          old.classList.remove("told");
          // Read, so that the animation begins anew.
          void old.offsetWidth;
          old.classList.add("told");
        }
      },
    },
  });
  for (const plot of main.querySelectorAll<HTMLElement>("[data-chart]:not([data-drawn])")) drawChart(plot);
  tellTimes();
}

function remember(main: HTMLElement): void {
  for (const element of main.querySelectorAll<HTMLElement>("[data-value]")) shown.set(element, element.textContent);
}

/**
 * Keeps the page's values those of now: asks for the page again while somebody looks, and puts what changed into what is there, so that focus, scroll, opened
 * parts and charts stay. The server says 304 when nothing did.
 */
export function startLive(): void {
  const main = document.querySelector<HTMLElement>("main[data-live-seconds]");
  const state = document.querySelector<HTMLElement>("[data-live-state]");
  const text = document.querySelector<HTMLElement>("[data-live-text]");
  if (main === null) return;
  const every_ms = Number(main.dataset["liveSeconds"]) * 1_000;
  let etag: string | null = null;
  let failures = 0;
  let looking = false;
  let timer = 0;
  remember(main);

  const tell = (online: boolean): void => {
    if (state === null || text === null) return;
    state.dataset["state"] = online ? "on" : "off";
    const word = online ? "Live" : "Offline";
    if (text.textContent !== word) text.textContent = word;
  };

  const look = async (): Promise<void> => {
    if (looking || document.hidden) return;
    looking = true;
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-cache" });
      const tag = response.headers.get("etag");
      if (response.ok && tag !== etag) {
        const next = new DOMParser().parseFromString(await response.text(), "text/html").querySelector<HTMLElement>("main");
        if (next !== null) morph(main, next);
        etag = tag;
      }
      failures = response.ok ? 0 : failures + 1;
      tell(response.ok);
    } catch {
      failures++;
      tell(false);
    } finally {
      looking = false;
    }
  };

  const schedule = (): void => {
    clearTimeout(timer);
    // What the server is still working out comes soon.
    const wait_ms = failures === 0 && main.querySelector(".pending") !== null ? Math.min(PENDING_MS, every_ms) : every_ms * Math.min(BACK_OFF_MAX, 2 ** failures);
    timer = setTimeout(() => void look().finally(schedule), wait_ms);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void look().finally(schedule);
  });
  addEventListener("tidemark-changed", () => {
    void look();
    // The server may have answered with the page that it had just made for somebody else.
    setTimeout(() => void look(), KEPT_MS);
  });
  follow(main, () => void look());
  schedule();
}

/** What the stream tells of a training run. */
interface TrainingEvent {
  readonly data: { readonly family?: string; readonly stage?: string; readonly step?: string; readonly done?: number; readonly total?: number; readonly status?: string };
}

function tellTraining(text: string): void {
  const place = document.querySelector("[data-training]");
  if (place === null) return;
  const { data } = JSON.parse(text) as TrainingEvent;
  place.textContent = data.status === "running" ? `Training of ${data.family ?? ""}: ${data.stage ?? ""}, ${data.step ?? ""} ${data.done ?? 0} of ${data.total ?? 0}` : `The last training of ${data.family ?? ""} has ${data.status ?? "ended"}.`;
}

/** Looks as soon as the engine tells that something of the page's topics has happened; without the stream the regular looks go on. */
function follow(main: HTMLElement, look: () => void): void {
  const { liveTopics } = main.dataset;
  if (liveTopics === undefined) return;
  const stream = new EventSource(`/stream?topics=${liveTopics}${main.dataset["liveCourse"] === undefined ? "" : `&course_id=${main.dataset["liveCourse"]}`}`);
  let waiting = false;
  const soon = (): void => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      look();
    }, SOONEST_MS);
  };
  for (const topic of liveTopics.split(",")) {
    stream.addEventListener(topic, (event: MessageEvent<string>) => {
      if (topic === "training") tellTraining(event.data);
      soon();
    });
  }
}
